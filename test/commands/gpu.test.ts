import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { WHEEL } from "../../src/commands/gpu.js";
import { importTinyModel, Marimba } from "./marimba.js";

const gpu = (...args: string[]) => new Marimba(["gpu", ...args]).ended;

describe("PROVIDER=cuda", () => {
  it.each([
    ["serve", ["serve"]],
    ["sample", ["sample", "--class", "cat", "--out", "/dev/null"]],
  ])("is refused for an int8 model by %s, in a sentence that says what to do", async (_, command) => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await importTinyModel(folder, "demo", "int8");
    const { code, stdout, stderr } = await new Marimba(command, { MODELS_DIR: folder, PROVIDER: "cuda" }).ended;
    expect(stderr).toContain("The model demo is int8, whose products have no CUDA implementation in ONNX Runtime");
    expect(stderr).toContain("Import it with --precision fp16, or set PROVIDER=cpu.");
    expect(stderr).not.toContain("    at ");
    expect([code, stdout]).toEqual([1, expect.not.stringContaining("Ready.")]);
  });
});

describe("marimba gpu", () => {
  it("installs the provider of exactly the version of ONNX Runtime that runs", () => {
    const path = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    const { version } = JSON.parse(readFileSync(path, "utf8"));
    expect(WHEEL.package).toBe(`onnxruntime-gpu==${version}`);
  });

  it("refuses another file than the expected one, before it opens it", async () => {
    const { code, stderr } = await gpu("install", "--wheel", "package.json");
    expect(stderr).toMatch(
      /^package\.json is not the expected onnxruntime-gpu==\S+: its SHA-256 is [0-9a-f]{64}, not /,
    );
    expect(code).toBe(2);
  });

  it("says what is missing where nothing can be downloaded", async () => {
    const { code, stderr } = await gpu("install", "--python", "no-python-here");
    expect(stderr).toContain("There is no no-python-here, whose pip downloads the libraries");
    expect(code).toBe(2);
  });

  it.each([
    [["install", "--device", "1"], "marimba gpu install has no option --device."],
    [["check", "--into", "x"], "marimba gpu check has no option --into."],
    [["check", "--device", "first"], "--device must be the number of a GPU, such as 0."],
    [["remove"], "Usage: marimba gpu install, or marimba gpu check."],
    [[], "Usage: marimba gpu install, or marimba gpu check."],
  ])("refuses %j", async (args, message) => {
    expect(await gpu(...args)).toMatchObject({ code: 2, stderr: `${message}\n` });
  });
});
