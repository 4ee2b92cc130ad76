import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { WHEEL } from "../../src/commands/gpu-install.js";
import { eventually } from "../eventually.js";
import { CAUSAL_CHECKPOINTS } from "../families/causal/tiny-causal.js";
import { swiftShader } from "../swiftshader.js";
import { importTinyModel, Marimba } from "./marimba.js";

const NO_GPU = /PROVIDER=webgpu can't be used here, because no GPU was found\. .*PROVIDER=cpu needs no GPU\./;

const gpu = (...args: string[]) => new Marimba(["gpu", ...args]).ended;

/** With temporary files in `folder`. */
const gpuProcess = (folder: string, ...args: string[]) => new Marimba(["gpu", ...args], { TMPDIR: folder });
const gpuIn = (folder: string, ...args: string[]) => gpuProcess(folder, ...args).ended;

/** A command that runs a script in place of pip, in a folder that is removed when the test ends. */
async function fakePython(script: string): Promise<{ readonly folder: string; readonly python: string }> {
  const folder = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const python = join(folder, "python");
  await writeFile(python, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { folder, python };
}

describe.each([
  ["cuda", "CUDA", "--precision fp16"],
  ["webgpu", "WebGPU", "--precision fp16, or fp32 for a GPU without float16"],
])("PROVIDER=%s", (provider, name, precisions) => {
  it.each([
    ["serve", ["serve"]],
    ["sample", ["sample", "--class", "cat", "--out", "/dev/null"]],
  ])("is refused for an int8 model by %s, in a sentence that says what to do", async (_, command) => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await importTinyModel(folder, "demo", "int8");
    const { code, stdout, stderr } = await new Marimba(command, { MODELS_DIR: folder, PROVIDER: provider }).ended;
    expect(stderr).toContain(`The model demo is int8, whose products have no ${name} implementation in ONNX Runtime`);
    expect(stderr).toContain(`Import it with ${precisions}, or set PROVIDER=cpu.`);
    expect(stderr).not.toContain("    at ");
    expect([code, stdout]).toEqual([1, expect.not.stringContaining("Ready.")]);
  });

  it("is refused for a causal model, already by a warning of the import", async () => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-gpu-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const refusal = "The model causal is of the family causal, which runs on the CPU only. Set PROVIDER=cpu.\n";
    const { generator, tokenizer, arch } = CAUSAL_CHECKPOINTS;
    const files = ["--generator", generator, "--tokenizer", tokenizer, "--arch", arch];
    const environment = { MODELS_DIR: folder, PROVIDER: provider };
    const imported = await new Marimba(["import", "--name", "causal", ...files], environment).ended;
    expect(imported.stderr).toContain(`Warning: PROVIDER=${provider} can't serve this model. ${refusal}`);
    expect(imported.code).toBe(0);
    const sample = ["sample", "--class", "1", "--out", "/dev/null"];
    expect(await new Marimba(sample, environment).ended).toMatchObject({ code: 1, stderr: refusal });
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
    [
      "ends with an error",
      "echo 'WARNING: Retrying' >&2; echo 'ERROR: No route' >&2; exit 1",
      /code 1\. .*\nWARNING: Retrying\nERROR: No route\n$/,
    ],
    ["ends in silence", "exit 1", /it ended with code 1\. .*--wheel takes a file that was downloaded elsewhere\.\n$/],
    ["writes nothing", "exit 0", /it wrote no file\. /],
  ])("says why there is no wheel where pip %s, and leaves nothing behind", async (_, script, message) => {
    const { folder, python } = await fakePython(script);
    const { code, stderr } = await gpuIn(folder, "install", "--python", python, "--into", join(folder, "into"));
    expect(stderr).toMatch(message);
    expect([code, await readdir(folder)]).toEqual([2, ["into", "python"]]);
  });

  it("leaves nothing behind where it is interrupted", async () => {
    const { folder, python } = await fakePython('touch "$TMPDIR/begun"; exec sleep 600');
    const install = gpuProcess(folder, "install", "--python", python, "--into", join(folder, "into"));
    await eventually(async () => {
      const names = await readdir(folder, { recursive: true });
      expect(names.map((name) => basename(name))).toContain("begun");
    });
    install.kill("SIGINT");
    expect(await install.ended).toMatchObject({ code: 130 });
    expect(await readdir(folder)).toEqual(["into", "python"]);
  });

  it.each(["--into", "--wheel", "--python"])("refuses an empty %s", async (option) => {
    expect(await gpu("install", `${option}=`)).toMatchObject({ code: 2, stderr: `${option} must not be empty.\n` });
  });

  it("names the folder that is given in place of the wheel", async () => {
    const { code, stderr } = await gpu("install", "--wheel", "src");
    expect(stderr).toBe(`src is a folder, not the file of ${WHEEL.package}.\n`);
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
