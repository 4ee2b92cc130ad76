import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGraphs } from "../../src/families/families.js";
import type { GraphOptions, WeightLocation } from "../../src/model/graph/weights.js";
import { MODEL_FILES } from "../../src/model/manifest.js";
import { TINY } from "../reference.js";
import { architectureOf, TINY_SIZES } from "./shapes.js";

/** The reference recordings' small model, built over its own .safetensors files without the importer. */
export const TINY_ARCHITECTURE = architectureOf(TINY_SIZES);

interface SafetensorsHeader {
  [name: string]: { dtype: string; shape: number[]; data_offsets: [number, number] };
}

export interface RecordedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

function readHeader(bytes: Buffer): { header: SafetensorsHeader; start: number } {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as SafetensorsHeader & { __metadata__?: unknown };
  delete header.__metadata__;
  return { header, start: 8 + length };
}

/** Every tensor of a recording as float32, whatever its integer type. */
export function readRecording(name: string): Map<string, RecordedTensor> {
  const bytes = readFileSync(join(TINY, name));
  const { header, start } = readHeader(bytes);
  const tensors = new Map<string, RecordedTensor>();
  for (const [key, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    const raw = bytes.buffer.slice(bytes.byteOffset + start + offsets[0], bytes.byteOffset + start + offsets[1]);
    const kinds = { F32: Float32Array, I32: Int32Array, U8: Uint8Array };
    tensors.set(key, { shape, data: Float32Array.from(new kinds[dtype as keyof typeof kinds](raw)) });
  }
  return tensors;
}

/** A recording's metadata, each value of which is JSON. */
export function readRecordingMetadata(name: string): Record<string, unknown> {
  const bytes = readFileSync(join(TINY, name));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0))));
  const metadata = Object.entries(header.__metadata__ as Record<string, string>);
  return Object.fromEntries(metadata.map(([key, value]) => [key, JSON.parse(value)]));
}

export function tinyWeights(): Map<string, WeightLocation> {
  const weights = new Map<string, WeightLocation>();
  for (const [location, prefix] of [
    ["mar.safetensors", ""],
    ["kl16.safetensors", "tokenizer."],
  ] as const) {
    const { header, start } = readHeader(readFileSync(join(TINY, location)));
    for (const [name, { shape, data_offsets: offsets }] of Object.entries(header)) {
      const byteLength = offsets[1] - offsets[0];
      weights.set(prefix + name, { location, offset: start + offsets[0], byteLength, shape, type: "float32" });
    }
  }
  return weights;
}

/** Writes the tiny model's graphs and weights into a temporary folder and returns its path. */
export function writeTinyModel(options: GraphOptions): string {
  const folder = mkdtempSync(join(tmpdir(), "marimba-tiny-"));
  for (const file of ["mar.safetensors", "kl16.safetensors"]) copyFileSync(join(TINY, file), join(folder, file));
  const graphs = buildGraphs(TINY_ARCHITECTURE, tinyWeights(), options);
  writeFileSync(join(folder, MODEL_FILES.predict), graphs.predict!);
  writeFileSync(join(folder, MODEL_FILES.denoise), graphs.denoise!);
  writeFileSync(join(folder, MODEL_FILES.decode), graphs.decode!);
  return folder;
}

/** The graphs that generate an image of a MAR with a diffusion head. */
export const MAR_GRAPHS = ["predict", "denoise", "decode"] as const;
