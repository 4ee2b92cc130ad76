import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type GeneratorSizes, generatorTable } from "../../src/families/mar/importing/tensors.js";
import type { Tensors, TensorTable } from "../../src/importer/architecture/tensor-table.js";
import type { TensorEntry } from "../../src/importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../src/importer/checkpoint/open.js";
import { importModel } from "../../src/importer/import.js";
import type { ImportedModel, ImportOptions } from "../../src/importer/options.js";
import { type AutoencoderSizes, autoencoderTable } from "../../src/importer/tokenizers/autoencoder-tensors.js";
import { TINY } from "../reference.js";
import { p, pickledTensor, type SafetensorsTensor, safetensors, torchZip, zip } from "./checkpoint/writers.js";

let folder = "";

/** A temporary folder for the calling test file. Call it at the top level. */
export function useTemporaryFolder(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "marimba-import-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
}

export function temporaryPath(name: string): string {
  return join(folder, name);
}

/** Imports a model, in float32 where nothing else is asked for, into a folder of its own that lives as long as the test run. */
export async function importAlone(
  options: Omit<ImportOptions, "modelsDir" | "precision"> & Partial<Pick<ImportOptions, "precision">>,
): Promise<ImportedModel> {
  return importModel({ precision: "fp32", ...options, modelsDir: await mkdtemp(join(tmpdir(), "marimba-model-")) });
}

/** Sizes of a small model unlike the reference's: patches of 2x2, decoder wider than encoder, 4 channels, stride 4. */
export const SMALL_GENERATOR: Extract<GeneratorSizes, { head_kind: "diffusion" }> = {
  head_kind: "diffusion",
  tokenCount: 16,
  tokenChannels: 16,
  bufferSize: 3,
  classCount: 5,
  encoder: { width: 24, depth: 2, mlpWidth: 48 },
  decoder: { width: 32, depth: 1, mlpWidth: 80 },
  head: { width: 20, depth: 2, frequency_channels: 64 },
};
export const SMALL_TOKENIZER: AutoencoderSizes = {
  latentChannels: 4,
  innerChannels: 4,
  topChannels: 64,
  stride: 4,
  levels: [
    { index: 2, channels: 64, blocks: 2, attention: true, upsample: true },
    { index: 1, channels: 32, blocks: 2, attention: false, upsample: true },
    { index: 0, channels: 32, blocks: 2, attention: false, upsample: false },
  ],
  encoderLevels: [
    { channels: 32, blocks: 1, attention: false },
    { channels: 32, blocks: 1, attention: true },
    { channels: 64, blocks: 1, attention: false },
  ],
};
export const SMALL_CONFIG = {
  mar: { encoder_num_heads: 3, decoder_num_heads: 4, patch_size: 2, norm_eps: 1e-5, img_size: 32 },
  vae: { scale: 0.5, ch: 32, ch_mult: [1, 1, 2], num_res_blocks: 1 },
};

export type Entries = Map<string, TensorEntry>;

/** What a table's tensors look like in a checkpoint, without bytes: enough for everything that is derived. */
export function entriesOf(table: TensorTable): Entries {
  const entries = new Map<string, TensorEntry>();
  for (const [name, shape] of table) {
    entries.set(name, { name, dtype: "F32", shape, offset: 0, byteLength: 4 * shape.reduce((a, b) => a * b, 1) });
  }
  return entries;
}

/** The same with a tensor of another shape or type, or with one more. */
export function reshaped(
  entries: Entries,
  name: string,
  shape: number[],
  dtype: TensorEntry["dtype"] = "F32",
): Entries {
  return new Map(entries).set(name, { name, dtype, shape, offset: 0, byteLength: 0 });
}

/** The same without tensors that it has. */
export function without(entries: Entries, ...names: string[]): Entries {
  const rest = new Map(entries);
  for (const name of names) expect(rest.delete(name), name).toBe(true);
  return rest;
}

/** Every tensor of a KL autoencoder of these sizes. */
export function tokenizerTable(sizes: AutoencoderSizes): TensorTable {
  return autoencoderTable(sizes, 2);
}

export function smallGenerator(): Map<string, TensorEntry> {
  return entriesOf(generatorTable(SMALL_GENERATOR));
}

export function smallTokenizer(): Map<string, TensorEntry> {
  return entriesOf(tokenizerTable(SMALL_TOKENIZER));
}

/** Writes tensors of these shapes, each filled with its own ramp, as a .safetensors file. */
export async function writeRamps(name: string, tensors: Tensors): Promise<string> {
  const written: Record<string, SafetensorsTensor> = {};
  for (const [key, { shape }] of tensors) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < values.length; i++) values[i] = ((i * 7 + key.length) % 31) / 310 - 0.05;
    written[key] = { dtype: "F32", shape, bytes: Buffer.from(values.buffer) };
  }
  const path = temporaryPath(name);
  await writeFile(path, safetensors(written));
  return path;
}

/** Writes the small generator once under each prefix, the values multiplied by its factor. */
export async function writeWrapped(name: string, factors: Record<string, number>): Promise<string> {
  const written: Record<string, SafetensorsTensor> = {};
  for (const [prefix, factor] of Object.entries(factors)) {
    for (const [key, { shape }] of smallGenerator()) {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => (factor * ((i % 7) - 3)) / 64);
      written[`${prefix}${key}`] = { dtype: "F32", shape, bytes: Buffer.from(values.buffer) };
    }
  }
  return writeTensors(name, written);
}

/** A checkpoint's tensors with their bytes, to be changed and written again. */
export async function loadTensors(path: string): Promise<Record<string, SafetensorsTensor>> {
  const checkpoint = await openCheckpoint(path);
  try {
    const tensors: Record<string, SafetensorsTensor> = {};
    for (const [name, entry] of checkpoint.tensors) {
      tensors[name] = { dtype: entry.dtype, shape: entry.shape, bytes: await checkpoint.readBytes(entry) };
    }
    return tensors;
  } finally {
    await checkpoint.close();
  }
}

export async function writeTensors(name: string, tensors: Record<string, SafetensorsTensor>): Promise<string> {
  const path = temporaryPath(name);
  await writeFile(path, safetensors(tensors));
  return path;
}

/** Writes `{"model": tensors}` as torch.save does. */
export async function writePytorch(name: string, tensors: Record<string, SafetensorsTensor>): Promise<string> {
  const entries = Object.entries(tensors).map(([tensor, { shape, bytes }], i) => {
    const elements = bytes.byteLength / Float32Array.BYTES_PER_ELEMENT;
    return [tensor, pickledTensor({ storage: "FloatStorage", key: `${i}`, elements, shape })] as const;
  });
  const storages = Object.fromEntries(Object.values(tensors).map(({ bytes }, i) => [`${i}`, bytes]));
  const path = temporaryPath(name);
  await writeFile(path, zip(torchZip(p.whole(p.dict([["model", p.dict(entries)]])), storages)));
  return path;
}

export async function writeJson(name: string, value: unknown): Promise<string> {
  const path = temporaryPath(name);
  await writeFile(path, JSON.stringify(value));
  return path;
}

/** The reference's small model, as .safetensors. */
export const TINY_CHECKPOINTS = {
  generator: `${TINY}/mar.safetensors`,
  tokenizer: `${TINY}/kl16.safetensors`,
  arch: `${TINY}/config.json`,
} as const;

/** Both checkpoints of a small model of other sizes than the reference's, quick to import again and again. */
export let small: Omit<ImportOptions, "name" | "modelsDir">;

/** Writes them into a temporary folder for the calling test file. Call it at the top level. */
export function useSmallCheckpoints(): void {
  useTemporaryFolder();
  beforeAll(async () => {
    small = {
      generator: await writeRamps("generator.safetensors", smallGenerator()),
      tokenizer: await writeRamps("tokenizer.safetensors", smallTokenizer()),
      arch: await writeJson("config.json", SMALL_CONFIG),
      precision: "fp32",
    };
  });
}
