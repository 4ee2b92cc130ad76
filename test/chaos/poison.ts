import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MODEL_FILES } from "../../src/model/manifest.js";
import { HASHED_FILES } from "../../src/model/model-files.js";
import { importTinyModel } from "../commands/marimba.js";
import { TINY } from "../reference.js";

/** The class whose images never come out. */
export const POISONED_CLASS = 9;

/** Imports the small model, then makes one class's embedding no number. */
export async function importPoisonedModel(modelsDir: string): Promise<void> {
  await importTinyModel(modelsDir);
  const file = join(modelsDir, "demo", "weights.bin");
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
  const hash = createHash("sha256");
  for (const file of HASHED_FILES) hash.update(readFileSync(join(folder, MODEL_FILES[file])));
  const path = join(folder, MODEL_FILES.manifest);
  const manifest = JSON.parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, JSON.stringify({ ...manifest, hash: hash.digest("hex") }));
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
