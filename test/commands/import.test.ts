import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { run as runImport, usage } from "../../src/commands/import.js";
import { readManifest } from "../../src/model/registry.js";
import {
  SMALL_CONFIG,
  smallGenerator,
  smallTokenizer,
  temporaryPath,
  useTemporaryFolder,
  writeJson,
  writeRamps,
  writeWrapped,
} from "../importer/models.js";

useTemporaryFolder();

let files: string[];
beforeAll(async () => {
  const generator = await writeRamps("generator.safetensors", smallGenerator());
  const tokenizer = await writeRamps("tokenizer.safetensors", smallTokenizer());
  const arch = await writeJson("config.json", SMALL_CONFIG);
  files = ["--generator", generator, "--tokenizer", tokenizer, "--arch", arch];
});

let out = "";
let err = "";
beforeEach(() => {
  out = "";
  err = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    err += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test("imports, says what came of it, and shows plain lines where there is no terminal", async () => {
  const modelsDir = temporaryPath("models");
  const classes = await writeJson("classes.json", ["a", "b", "c", "d", { name: "e", id: "n5" }]);
  const defaults = await writeJson("defaults.json", { defaults: { max_timestep: 940 } });
  const extra = ["--models-dir", modelsDir, "--classes", classes, "--defaults", defaults, "--precision", "fp32"];
  expect(await runImport(["--name", "small", ...files, ...extra])).toBe(0);
  expect(out).toBe(
    `Imported small into ${join(modelsDir, "small")}: 5 classes, 16 tokens, 32x32 pixels.\nIts tokenizer: KL, 4 channels of 8x8, scale 0.5; a token has 2x2 of them.\n`,
  );
  expect(err).toMatch(/^(\d+ % of \d+ MB, (hashing|writing)\n)+$/);
  expect(err).toContain("100 % of");
  const manifest = await readManifest(modelsDir, "small");
  expect(manifest.classes[4]).toEqual({ index: 4, name: "e", id: "n5" });
  expect(manifest.defaults.max_timestep).toBe(940);
  expect(await runImport(["--name", "small", ...files, "--models-dir", modelsDir])).toBe(1);
  expect(err).toContain("exists already; choose another --name or replace it with --force.\n");
  expect(await runImport(["--name", "small", ...files, "--models-dir", modelsDir, "--force"])).toBe(0);
});

test("says which weights it took, where a file has several", async () => {
  const averaged = await writeWrapped("wrapped.safetensors", { "model.": 1, "ema_model.": 2 });
  const args = [
    "--name",
    "wrapped",
    "--generator",
    averaged,
    ...files.slice(2),
    "--models-dir",
    temporaryPath("wrapped"),
  ];
  expect(await runImport(args)).toBe(0);
  expect(out).toContain(`The generator's weights are the averaged ones under "ema_model".\n`);
  expect(out).not.toContain("The tokenizer's weights");
  expect(await runImport([...args, "--force", "--weights", "raw"])).toBe(0);
  expect(out).toContain(`The generator's weights are those under "model".\n`);
});

test("goes where models are served from unless told otherwise", async () => {
  vi.stubEnv("MODELS_DIR", temporaryPath("served"));
  expect(await runImport(["--name", "small", ...files])).toBe(0);
  expect(await readdir(temporaryPath("served"))).toEqual(["small"]);
});

test("stores float16 for a GPU unless another precision is chosen", async () => {
  const modelsDir = temporaryPath("for-cuda");
  const precisionOf = async (name: string, ...options: string[]) => {
    expect(await runImport(["--name", name, ...files, "--models-dir", modelsDir, ...options])).toBe(0);
    return (await readManifest(modelsDir, name)).precision;
  };
  expect(await precisionOf("usual")).toBe("fp32");
  vi.stubEnv("PROVIDER", "cuda");
  expect(err).not.toContain("PROVIDER");
  expect(await precisionOf("half")).toBe("fp16");
  expect(err).toContain(
    "PROVIDER is cuda, so the weights are stored in float16; --precision chooses another precision.\n",
  );
  expect(await precisionOf("chosen", "--precision", "fp32")).toBe("fp32");
});

test("--force replaces a model, and nothing else", async () => {
  const modelsDir = temporaryPath("mine");
  await mkdir(join(modelsDir, "photos"), { recursive: true });
  await writeFile(join(modelsDir, "photos", "cat.jpg"), "");
  expect(await runImport(["--name", "photos", ...files, "--models-dir", modelsDir, "--force"])).toBe(1);
  expect(err).toMatch(/photos is not a model \(it has no model\.json\), and --force replaces only models; [^\n]+\n$/);
  expect(await readdir(join(modelsDir, "photos"))).toEqual(["cat.jpg"]);
});

test("its usage names every option", () => {
  for (const flag of [
    "--name",
    "--generator",
    "--tokenizer",
    "--decoder",
    "--unclamped",
    "--arch",
    "--precision",
    "--classes",
    "--defaults",
    "--force",
  ]) {
    expect(usage).toContain(flag);
  }
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s stops it and leaves nothing behind", async (signal) => {
  const modelsDir = temporaryPath(`stopped-${signal}`);
  const before = process.listeners(signal);
  const running = runImport(["--name", "stopped", ...files, "--models-dir", modelsDir]);
  // The signal itself would reach the test runner too.
  for (const listener of process.listeners(signal)) if (!before.includes(listener)) listener(signal);
  expect(await running).toBe(130);
  expect(err).toContain("The import was cancelled; nothing was written.\n");
  expect(process.listeners(signal)).toEqual(before);
  await expect(readdir(modelsDir)).rejects.toThrow("ENOENT");
});

describe("errors are one sentence and an exit code", () => {
  const list = (name: string, value: unknown) => writeJson(name, value);
  test.each([
    [2, async () => [], "--name and --generator and --tokenizer must be given; --help describes the command."],
    [2, async () => ["--nam", "x"], "Unknown option '--nam'; did you mean --name?"],
    [2, async () => ["--name"], "Option '--name <value>' argument missing; --help describes the command."],
    [2, async () => ["x"], "Unexpected argument 'x'"],
    [2, async () => ["--name", "a", ...files, "--name", "b"], "--name is given twice; give it once.\n"],
    [2, async () => ["--name", "-a"], "Option '--name' argument is ambiguous; --help describes the command.\n"],
    [2, async () => ["--name", "m", ...files, "--unclamped"], "--unclamped needs --decoder.\n"],
    [
      2,
      async () => ["--name", "m", ...files, "--precision", "int4"],
      '--precision "int4" is not known; fp32, fp16, int8 are.',
    ],
    [
      1,
      async () => ["--name", "m", ...files, "--classes", await list("c.json", [1])],
      "c.json is not as expected: /0 must be",
    ],
    [
      1,
      async () => ["--name", "m", ...files, "--defaults", await list("d.json", { steps: 3 })],
      "/steps is not a known field",
    ],
    [
      1,
      async () => ["--name", "m", ...files, "--defaults", await list("d.json", { defaults: { step: 3 } })],
      "/defaults/step is not a known field; did you mean steps or guidance_steps or diffusion_steps?\n",
    ],
    [
      1,
      async () => ["--name", "m", ...files, "--classes", temporaryPath("none")],
      "none cannot be read: there is no such file or folder.",
    ],
    [
      2,
      async () => ["--name", ".hid", ...files],
      '--name ".hid" is not a valid model name: begin with a lower-case letter or a digit, then use',
    ],
    [
      2,
      async () => ["--name", "m", ...files.slice(0, -1), "mar-x"],
      '--arch "mar-x" is not known; use mar-b, mar-l, mar-h, detok-mar-b, detok-mar-l, dit-s-2, ',
    ],
    [
      1,
      async () => ["--name", "m", ...files.slice(0, -1), temporaryPath("no.json")],
      "no.json cannot be read: there is no",
    ],
    [
      1,
      async () => ["--name", "m", ...files, "--weights", "ema"],
      "generator.safetensors has no averaged weights of the generator, only weights at its top.\n",
    ],
    [
      1,
      async () => ["--name", "m", ...files, "--tokenizer-weights", "vae"],
      'tokenizer.safetensors has no weights under "vae" of the tokenizer, only weights at its top.\n',
    ],
    [
      1,
      async () => ["--name", "m", ...files.slice(0, -1), "mar-b"],
      "A tokenizer of 4 latent channels and stride 4 is not a published one, and no tensor states its scale",
    ],
    [
      1,
      async () => ["--name", "m", ...files.slice(2), "--generator", temporaryPath("none.pth")],
      "/none.pth cannot be read: it does not exist.",
    ],
  ])("%i", async (code, args, message) => {
    const modelsDir = temporaryPath("untouched");
    vi.stubEnv("MODELS_DIR", modelsDir);
    expect(await runImport([...(await args()), ...(code === 1 ? ["--models-dir", modelsDir] : [])])).toBe(code);
    expect(err).toContain(message);
    expect(err).toMatch(/^[^\n]+\n$/);
    await expect(readdir(modelsDir)).rejects.toThrow("ENOENT");
  });

  test("a models folder that cannot be made", async () => {
    await writeFile(temporaryPath("file"), "");
    expect(await runImport(["--name", "m", ...files, "--models-dir", temporaryPath("file/models")])).toBe(1);
    expect(err).toMatch(/^The models folder \S+\/file\/models can't be made: a part of the path is a file[^\n]+\n$/);
    err = "";
    expect(await runImport(["--name", "m", ...files, "--models-dir", temporaryPath("file")])).toBe(1);
    expect(err).toMatch(/^The models folder \S+\/file can't be made: it is a file, not a folder\.\n$/);
  });
});
