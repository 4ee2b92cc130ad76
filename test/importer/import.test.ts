import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Encoder } from "../../src/engine/encoder.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import { toFloat32 } from "../../src/importer/checkpoint/float32.js";
import { importModel } from "../../src/importer/import.js";
import type { ImportProgress } from "../../src/importer/progress.js";
import { toFloat16 } from "../../src/importer/weights/float16.js";
import { graphsOf, MODEL_FILES, marArchitecture, type Precision } from "../../src/model/manifest.js";
import { readManifest } from "../../src/model/registry.js";
import { COEFFICIENTS } from "../../src/model/sampler/diffusion-schedule.js";
import { openTyped } from "../families/mar/typed-runtime.js";
import { readRecording, TINY_ARCHITECTURE } from "../model/tiny.js";
import { TINY } from "../reference.js";
import type { SafetensorsTensor } from "./checkpoint/writers.js";
import { hashOfFolder, sha256 } from "./hash-of-folder.js";
import {
  loadTensors,
  small,
  TINY_CHECKPOINTS,
  temporaryPath,
  useSmallCheckpoints,
  writePytorch,
  writeTensors,
} from "./models.js";

useSmallCheckpoints();

const tiny = { ...TINY_CHECKPOINTS, precision: "fp32" } as const;

const TINY_ENCODER = [32, 32, 32, 32, 64].map((channels, i) => ({ channels, blocks: 1, attention: i === 3 }));

/** What each graph makes of the same inputs. */
async function numbersOf(folder: string): Promise<unknown> {
  const { generator, tokenizer } = TINY_ARCHITECTURE;
  const runtime = await openTyped(folder, TINY_ARCHITECTURE);
  const none = new BigInt64Array(0);
  const predicted = await runtime.predict({
    rows: 1,
    known: 0,
    tokens: new Float32Array(0),
    positions: none,
    knownCounts: new BigInt64Array(1),
    classes: new BigInt64Array(1).fill(3n),
    placement: new BigInt64Array(generator.token_count),
    targetCount: 2,
    targets: BigInt64Array.of(0n, 5n),
  });
  const steps = 2;
  const denoised = await runtime.denoise({
    rows: 2,
    guidedRows: 0,
    steps,
    x: new Float32Array(2 * generator.token_channels).fill(0.5),
    z: predicted.z,
    zUnconditional: new Float32Array(0),
    guidance: new Float32Array(0),
    temperature: new Float32Array(2).fill(1),
    noise: new Float32Array(steps * 2 * generator.token_channels).fill(0.1),
    frequencies: new Float32Array(steps * generator.head.frequency_channels).fill(0.3),
    coefficients: new Float32Array(steps * COEFFICIENTS.length).fill(0.2),
  });
  const { latent_channels, latent_height, latent_width } = tokenizer;
  const decoded = await runtime.decode(new Float32Array(latent_channels * latent_height * latent_width).fill(0.4));
  await runtime.close();
  return { predicted, denoised, decoded };
}

describe("the reference's small model", () => {
  let pytorch: Record<keyof typeof TINY_CHECKPOINTS, string>;
  beforeAll(async () => {
    const tokenizer = await writePytorch("kl16.ckpt", await loadTensors(tiny.tokenizer));
    pytorch = { ...tiny, generator: `${TINY}/checkpoint-last.pth`, tokenizer };
  });

  async function importFrom(paths: typeof pytorch, name: string, precision: Precision, hashSources = false) {
    const modelsDir = temporaryPath(`containers-${precision}`);
    const model = await importModel({ ...paths, name, modelsDir, precision, hashSources });
    const { manifest, folder } = model;
    const { generator, tokenizer } = TINY_ARCHITECTURE;
    expect(manifest.architecture).toEqual({ generator, tokenizer: { ...tokenizer, encoder_levels: TINY_ENCODER } });
    expect(manifest.hash).toBe(hashOfFolder(folder, manifest));
    for (const part of ["generator", "tokenizer"] as const) {
      const bytes = await readFile(paths[part]);
      const file = basename(paths[part]);
      const isHashed = hashSources || manifest.weight_files.includes(MODEL_FILES[part]);
      expect(manifest.source[part]).toEqual({
        file,
        bytes: bytes.byteLength,
        ...(isHashed && { sha256: sha256(bytes) }),
      });
    }
    expect(await readManifest(modelsDir, name)).toEqual(manifest);
    const { manifest: manifestFile, predict, denoise, decode, encode } = MODEL_FILES;
    const expected = [manifestFile, predict, denoise, decode, encode, ...manifest.weight_files];
    expect((await readdir(folder)).sort()).toEqual(expected.sort());
    return model;
  }

  test.each(["int8", "fp16"] as const)("comes out of both containers as the same files: %s", async (precision) => {
    const a = await importFrom(tiny, "a", precision);
    const b = await importFrom(pytorch, "b", precision, true);
    expect(a.manifest.weight_files).toEqual(["weights.bin"]);
    expect(b.manifest.hash).toBe(a.manifest.hash);
  });

  test("in float32, a .safetensors file is copied and the graphs point into it: the numbers are the same", async () => {
    const a = await importFrom(tiny, "a", "fp32");
    const b = await importFrom(pytorch, "b", "fp32");
    const mixed = await importFrom({ ...tiny, tokenizer: pytorch.tokenizer }, "mixed", "fp32", true);
    expect(a.manifest.weight_files).toEqual(["generator.safetensors", "tokenizer.safetensors"]);
    expect(b.manifest.weight_files).toEqual(["weights.bin"]);
    expect(mixed.manifest.weight_files).toEqual(["generator.safetensors", "weights.bin"]);
    for (const part of ["generator", "tokenizer"] as const) {
      const copy = await readFile(join(a.folder, MODEL_FILES[part]));
      expect(copy.equals(await readFile(tiny[part])), part).toBe(true);
    }
    const numbers = await numbersOf(a.folder);
    expect(await numbersOf(b.folder)).toEqual(numbers);
    expect(await numbersOf(mixed.folder)).toEqual(numbers);
  });

  test("decodes the recorded latents to the recorded image", async () => {
    const { folder, manifest } = await importModel({
      ...tiny,
      name: "exposed",
      modelsDir: temporaryPath("exposed"),
      expose: true,
    });
    const stages = readRecording("stages.safetensors");
    const latents = stages.get("decode.latents")!;
    const expected = stages.get("decode.image")!.data;
    const runtime = await openTyped(folder, marArchitecture(manifest.architecture));
    const { image } = await runtime.decode(latents.data);
    await runtime.close();
    const rms = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
    const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - image![i]!)), 0);
    expect(worst / rms).toBeLessThan(2e-4);
  });

  test("an encoder in float16 stays so, and computes in float32", async () => {
    const half = await loadTensors(tiny.tokenizer);
    const rounded = { ...half };
    let bytes = 0;
    for (const [name, tensor] of Object.entries(half)) {
      if (!/^(encoder|quant_conv)\./.test(name)) continue;
      const halves = toFloat16(new Float32Array(Uint8Array.from(tensor.bytes).buffer));
      half[name] = { ...tensor, dtype: "F16", bytes: Buffer.from(halves.buffer) };
      const floats = new Float32Array(halves.length);
      toFloat32("F16", new Uint8Array(halves.buffer), floats);
      rounded[name] = { ...tensor, bytes: Buffer.from(floats.buffer) };
      bytes += halves.byteLength;
    }
    const latentsOf = async (name: string, tokenizer: string) => {
      const modelsDir = temporaryPath(name);
      const { folder, manifest } = await importModel({ ...tiny, tokenizer, name, modelsDir, precision: "int8" });
      const { architecture } = manifest;
      const runtime = await openRuntime(folder, { threads: 1, graphs: graphsOf(architecture) });
      const image = Uint8Array.from({ length: 128 * 128 * 3 }, (_, i) => i % 251);
      const latents = await new Encoder(runtime, architecture.tokenizer).encodePixels(image);
      await runtime.close();
      return { latents, size: (await stat(join(folder, MODEL_FILES.weights))).size };
    };
    const a = await latentsOf("half", await writeTensors("half.safetensors", half));
    const b = await latentsOf("rounded", await writeTensors("rounded.safetensors", rounded));
    expect(a.latents).toEqual(b.latents);
    expect(b.size - a.size).toBeGreaterThan(0.9 * bytes);
  });

  test("weights are float32, whatever the checkpoint's type", async () => {
    const brain = await loadTensors(tiny.generator);
    const cleared: Record<string, SafetensorsTensor> = {};
    for (const [name, { shape, bytes }] of Object.entries(brain)) {
      const upper = Buffer.alloc(bytes.byteLength / 2);
      const float = Buffer.from(bytes);
      for (let i = 0; i < upper.byteLength; i += 2) {
        float.writeUInt16LE(0, 2 * i);
        upper.writeUInt16LE(float.readUInt16LE(2 * i + 2), i);
      }
      brain[name] = { dtype: "BF16", shape, bytes: upper };
      const double = Float64Array.from(new Float32Array(float.buffer, float.byteOffset, float.byteLength / 4));
      cleared[name] = { dtype: "F64", shape, bytes: Buffer.from(double.buffer) };
    }
    const modelsDir = temporaryPath("types");
    const half = await writeTensors("bf16.safetensors", brain);
    const a = await importModel({ ...tiny, generator: half, name: "bf16", modelsDir });
    const double = await writeTensors("cleared.safetensors", cleared);
    const b = await importModel({ ...tiny, generator: double, name: "cleared", modelsDir });
    expect(a.manifest.weight_files).toEqual(["tokenizer.safetensors", "weights.bin"]);
    expect(a.manifest.hash).toBe(b.manifest.hash);
  });
});

test("a model of other sizes runs: patches, widths, attention in the tokenizer", async () => {
  const { folder, manifest } = await importModel({ ...small, name: "small", modelsDir: temporaryPath("sizes") });
  const runtime = await openTyped(folder, marArchitecture(manifest.architecture));
  const { pixels } = await runtime.decode(new Float32Array(4 * 8 * 8).fill(0.1));
  await runtime.close();
  expect(pixels).toHaveLength(32 * 32 * 3);
  expect(manifest.defaults).toMatchObject({ steps: 16, guidance_scale: 3, diffusion_steps: 100, max_timestep: 999 });
  expect(manifest.presets.exact?.parameters).toEqual(manifest.defaults);
  expect(manifest.classes).toEqual([0, 1, 2, 3, 4].map((index) => ({ index, name: `class ${index}` })));
});

test("classes and settings that a model brings", async () => {
  const classes = ["star", { name: "heart", id: "n02" }, "moon", "sun", "tree"];
  const presets = { fast: { description: "Quick.", parameters: { steps: 4 } } };
  const settings = { description: "Drawn.", defaults: { max_timestep: 940 }, presets, default_preset: "fast" };
  const { manifest } = await importModel({
    ...small,
    name: "named",
    modelsDir: temporaryPath("named"),
    classes,
    settings,
  });
  expect(manifest.classes.slice(0, 2)).toEqual([
    { index: 0, name: "star" },
    { index: 1, name: "heart", id: "n02" },
  ]);
  expect(manifest).toMatchObject({ description: "Drawn.", presets, default_preset: "fast" });
  expect(manifest.defaults).toMatchObject({ max_timestep: 940, steps: 16 });
});

test.each([
  ["fp32", false, ["writing"]],
  ["int8", false, ["writing"]],
  ["int8", true, ["hashing", "writing"]],
] as const)("progress counts every byte once: %s, hashSources %s", async (precision, hashSources, steps) => {
  const seen: ImportProgress[] = [];
  await importModel({
    ...small,
    precision,
    hashSources,
    name: `watched-${precision}-${hashSources}`,
    modelsDir: temporaryPath("watched"),
    onProgress: (p) => seen.push(p),
  });
  const last = seen.at(-1)!;
  expect(last.doneBytes).toBe(last.totalBytes);
  expect([...new Set(seen.map(({ step }) => step))].sort()).toEqual(steps);
});

describe("a model of the same name", () => {
  test("stays unless it is to be replaced, and then as long as the import can fail", async () => {
    const modelsDir = temporaryPath("taken");
    const first = await importModel({ ...small, name: "taken", modelsDir });
    const before = await readFile(join(first.folder, MODEL_FILES.manifest), "utf8");
    await expect(importModel({ ...small, name: "taken", modelsDir })).rejects.toThrow("exists already");
    const abort = new AbortController();
    const cancelled = { signal: abort.signal, onProgress: () => abort.abort(), replace: true };
    await expect(importModel({ ...small, name: "taken", modelsDir, ...cancelled })).rejects.toThrow("cancelled");
    expect(await readFile(join(first.folder, MODEL_FILES.manifest), "utf8")).toBe(before);
    const settings = { description: "Second." };
    await importModel({ ...small, name: "taken", modelsDir, settings, replace: true });
    expect((await readManifest(modelsDir, "taken")).description).toBe("Second.");
    expect(await readdir(modelsDir)).toEqual(["taken"]);
  });
});
