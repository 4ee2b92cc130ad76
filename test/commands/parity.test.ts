import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { REFERENCE, TINY } from "../reference.js";
import { Marimba } from "./marimba.js";

test("parity holds for the reference, says what it compared, and exits with 0", async () => {
  const { code, stdout, stderr } = await new Marimba(["parity", TINY]).ended;
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toContain("checkpoint-last.pth and kl16.safetensors");
  expect(stdout).toContain("mar.safetensors and kl16.safetensors");
  expect(stdout).toMatch(/linear_cfg\.safetensors +sampled tokens +8 +\d\.\de-\d +1e-3 +ok/);
  expect(stdout).toMatch(/schedules\.json +respaced timesteps +999 +0 +exact +ok/);
  expect(stdout).toMatch(/vae_encode\.safetensors +moments +2 +\d\.\de-\d +1e-4 +ok/);
  expect(stdout).not.toContain("Not compared");
  expect(stdout).toMatch(/Parity holds: \d{4} comparisons/);
});

// With CUDA at hand it would compare.
test.each([TINY, join(REFERENCE, "systems/kl8")])("says why CUDA can't be used here, for %s", async (folder) => {
  const { code, stderr } = await new Marimba(["parity", folder], { PROVIDER: "cuda" }).ended;
  expect(stderr).toMatch(/^PROVIDER=cuda can't be used here\. [^\n]+ PROVIDER=cpu needs no GPU\.[^\n]*\n$/);
  expect(code).toBe(1);
});

test("a causal model is refused with PROVIDER=cuda", async () => {
  const folder = join(REFERENCE, "systems/llamagen/4x4");
  expect(await new Marimba(["parity", folder], { PROVIDER: "cuda" }).ended).toMatchObject({
    code: 1,
    stderr: "The model parity is of the family causal, which runs on the CPU only. Set PROVIDER=cpu.\n",
  });
});

test("a directory with nothing to compare is one sentence and exit code 1; a missing argument is 2", async () => {
  const empty = mkdtempSync(join(tmpdir(), "marimba-empty-"));
  const { code, stderr } = await new Marimba(["parity", empty]).ended;
  rmSync(empty, { recursive: true });
  expect([code, stderr.trimEnd().split("\n").length]).toEqual([1, 1]);
  expect(stderr).toContain("has no generator checkpoint");
  expect(await new Marimba(["parity", empty]).ended).toMatchObject({
    code: 1,
    stderr: `${empty} can't be read: there is no such file or folder.\n`,
  });
  expect((await new Marimba(["parity"]).ended).code).toBe(2);
});
