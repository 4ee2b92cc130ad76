import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { WHEEL } from "../../src/commands/gpu.js";
import { swiftShader } from "../swiftshader.js";
import { importTinyModel, Marimba } from "./marimba.js";

const NO_GPU = /PROVIDER=webgpu can't be used here, because no GPU was found\. .*PROVIDER=cpu needs no GPU\./;

const gpu = (...args: string[]) => new Marimba(["gpu", ...args]).ended;

describe.each([
  ["cuda", "CUDA"],
  ["webgpu", "WebGPU"],
])("PROVIDER=%s", (provider, name) => {
  it.each([
    ["serve", ["serve"]],
    ["sample", ["sample", "--class", "cat", "--out", "/dev/null"]],
  ])("is refused for an int8 model by %s, in a sentence that says what to do", async (_, command) => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await importTinyModel(folder, "demo", "int8");
    const { code, stdout, stderr } = await new Marimba(command, { MODELS_DIR: folder, PROVIDER: provider }).ended;
    expect(stderr).toContain(`The model demo is int8, whose products have no ${name} implementation in ONNX Runtime`);
    expect(stderr).toContain("Import it with --precision fp16, or set PROVIDER=cpu.");
    expect(stderr).not.toContain("    at ");
    expect([code, stdout]).toEqual([1, expect.not.stringContaining("Ready.")]);
  });
});

describe("PROVIDER=webgpu", () => {
  it.each([
    [swiftShader(), { code: 0, stdout: "ONNX Runtime can use a GPU through WebGPU.\n" }],
    [{ VK_DRIVER_FILES: "/nonexistent" }, { code: 1, stderr: expect.stringMatching(NO_GPU) }],
  ])("is checked by marimba gpu check: %j", async (environment, ended) => {
    expect(await new Marimba(["gpu", "check", "--provider", "webgpu"], environment).ended).toMatchObject(ended);
  });

  it("is refused where no GPU is found", async () => {
    const environment = { PROVIDER: "webgpu", VK_DRIVER_FILES: "/nonexistent" };
    const { code, stdout, stderr } = await new Marimba(["serve"], environment).ended;
    expect(stderr).toMatch(NO_GPU);
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

  it("refuses a folder that can't be created, before it downloads anything", async () => {
    const { code, stderr } = await gpu("install", "--python", "no-python-here", "--into", "/proc/x/y");
    expect(stderr).toMatch(/^\/proc\/x can't be created: .*\.\n$/);
    expect(code).toBe(1);
  });

  it("says what is missing where nothing can be downloaded", async () => {
    const { code, stderr } = await gpu("install", "--python", "no-python-here");
    expect(stderr).toContain("There is no no-python-here, whose pip downloads the libraries");
    expect(code).toBe(2);
  });

  it.each([
    [["install", "--device", "1"], "marimba gpu install has no option --device."],
    [["install", "--provider", "cuda"], "marimba gpu install has no option --provider."],
    [["check", "--provider", "webgpu", "--device", "1"], "marimba gpu check --provider webgpu has no option --device."],
    [["check", "--provider", "vulkan"], "--provider must be cuda or webgpu."],
    [["check", "--into", "x"], "marimba gpu check has no option --into."],
    [["check", "--device", "first"], "--device must be the number of a GPU, such as 0."],
    [["remove"], "Usage: marimba gpu install, or marimba gpu check."],
    [[], "Usage: marimba gpu install, or marimba gpu check."],
  ])("refuses %j", async (args, message) => {
    expect(await gpu(...args)).toMatchObject({ code: 2, stderr: `${message}\n` });
  });
});
