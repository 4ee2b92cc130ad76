import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Manifest, MODEL_FILES } from "../../src/model/manifest.js";
import { importTinyModel } from "../commands/marimba.js";
import { hashOfFolder } from "../importer/hash-of-folder.js";
import { TINY } from "../reference.js";

/** The class whose images never come out. */
export const POISONED_CLASS = 9;

/** Imports the small model, then makes one class's embedding no number. */
export async function importPoisonedModel(modelsDir: string): Promise<void> {
  await importTinyModel(modelsDir);
  const file = join(modelsDir, "demo", MODEL_FILES.generator);
  const weights = readFileSync(file);
  const row = classEmbedding(POISONED_CLASS);
  const start = weights.indexOf(row);
  if (start < 0) throw new Error("The class's embedding is not among the weights.");
  for (let at = start; at < start + row.length; at += 4) weights.writeFloatLE(Number.NaN, at);
  writeFileSync(file, weights);
  signAgain(join(modelsDir, "demo"));
}

/** As if the model had been imported so: its files have the hash that its manifest states. */
function signAgain(folder: string): void {
  const path = join(folder, MODEL_FILES.manifest);
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Manifest;
  writeFileSync(path, JSON.stringify({ ...manifest, hash: hashOfFolder(folder, manifest) }));
}

/** The bytes of a class's embedding in the checkpoint. */
function classEmbedding(index: number): Buffer {
  const bytes = readFileSync(join(TINY, "mar.safetensors"));
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  type Entry = { shape: [number, number]; data_offsets: [number, number] };
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<string, Entry>;
  const { shape, data_offsets } = header["class_emb.weight"]!;
  const start = 8 + headerBytes + data_offsets[0] + index * shape[1] * 4;
  return bytes.subarray(start, start + shape[1] * 4);
}
