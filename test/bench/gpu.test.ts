import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Results } from "../../bench/gpu/results.js";
import { eventually } from "../eventually.js";

const PACK = fileURLToPath(new URL("../../bench/gpu/pack.sh", import.meta.url));
const PART_MB = 8;

let folder: string;
let packed: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-gpu-script-"));
  packed = join(folder, "packed");
  // The authors' code is not a part of this repository, and needs PyTorch: an empty file takes its place.
  const official = join(folder, "official");
  for (const room of ["models", "diffusion"]) await mkdir(join(official, room), { recursive: true });
  await writeFile(join(official, "models/mar.py"), "");
  // The Node.js that runs this test, instead of one from the network.
  const node = join(folder, "node");
  await writeFile(node, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`);
  await chmod(node, 0o755);
  const options = ["--official", official, "--into", packed, "--node", node, "--without-gpu"];
  await promisify(execFile)("sh", [PACK, ...options, "--part-mb", `${PART_MB}`]);
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

/** Runs the packed script with the tiny model on the CPU. */
function start(): Started {
  const short = ["--batches", "2", "--rounds", "1", "--steps", "4", "--diffusion-steps", "4", "--every", "2"];
  const sides = ["--sides", "marimba-fp16,marimba-fp16-balanced,pytorch-bf16", "--python", "no-python-here"];
  const options = ["--provider", "cpu", "--models", "tiny", "--out", join(folder, "out"), ...short, ...sides];
  const child = spawn("sh", [join(packed, "run.sh"), ...options], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  // The script, and what it has started; both have ended already unless the test failed.
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, "SIGKILL");
  });
  const ended = Promise.all([text(child.stderr), once(child, "close")]).then(([stderr, [code]]) => ({ code, stderr }));
  return { child, ended };
}

const runs = () => readFile(join(folder, "out/tiny/runs.jsonl"), "utf8").catch(() => "");

describe("the script for a machine with a GPU and no network", () => {
  it("is packed in parts below the given size", async () => {
    const parts = (await readdir(packed)).filter((name) => name.startsWith("kit.tgz.part-"));
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) expect((await stat(join(packed, part))).size).toBeLessThanOrEqual(PART_MB * 1e6);
    expect((await readdir(packed)).filter((name) => !parts.includes(name))).toEqual(["SHA256SUMS", "run.sh"]);
  });

  it("refuses a damaged part", { timeout: 600_000 }, async () => {
    const part = join(packed, "kit.tgz.part-001");
    const bytes = await readFile(part);
    await writeFile(part, bytes.subarray(1));
    const { code, stderr } = await start().ended;
    await writeFile(part, bytes);
    expect(code).toBe(1);
    expect(stderr).toContain("A part of the packed folder is missing or damaged; copy the folder again.");
  });

  it("goes on after a kill where it stopped, and reports everything in one JSON file and one table", {
    timeout: 600_000,
  }, async () => {
    const first = start();
    await eventually(async () => expect((await runs()).split("\n").length).toBeGreaterThan(1), 500_000);
    process.kill(-first.child.pid!, "SIGKILL");
    await first.ended;
    const kept = (await runs()).split("\n")[0]!;
    await appendFile(join(folder, "out/tiny/runs.jsonl"), '{"side":"marimba-f');

    const { code, stderr } = await start().ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain("Comparing");
    expect((await runs()).split("\n")[0]).toBe(kept);

    const results = JSON.parse(await readFile(join(folder, "out/results.json"), "utf8")) as Results;
    expect(results.parity).toMatchObject({ holds: true, output: expect.stringContaining("Parity holds") });
    const { deviation, batches, failures, missing } = results.models.tiny!;
    // The tiny model's weights are random: a trained model deviates less.
    for (const { of, relativeRms } of deviation) expect(relativeRms, of).toBeLessThan(0.05);
    expect(deviation.map(({ of }) => of)).toEqual(["z", "sampled tokens", "pixels"]);
    expect(Object.keys(batches[0]!.runs)).toEqual(["marimba-fp16", "marimba-fp16-balanced"]);
    expect(batches[0]!.runs["marimba-fp16"]).toEqual([JSON.parse(kept)]);
    expect([failures, missing]).toEqual([[], 0]);

    const table = await readFile(join(folder, "out/results.md"), "utf8");
    expect(table).toContain(
      "- Left out: PyTorch, because no-python-here can't run the authors' code: there is no no-python-here.",
    );
    expect(table).toMatch(/\n\| +\| marimba-fp16 \| marimba-fp16-balanced \|\n/);
    expect(table).toMatch(/\n\| outside ONNX runs +\|/);
  });
});
