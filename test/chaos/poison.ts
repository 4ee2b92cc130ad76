import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { importTinyModel } from "../commands/marimba.js";
import { TINY } from "../reference.js";

/** The class whose images never come out. */
export const POISONED_CLASS = 9;

/** Imports the small model, then makes one class's embedding no number: what a broken disk could do to it. */
export async function importPoisonedModel(modelsDir: string): Promise<void> {
  await importTinyModel(modelsDir);
  const file = join(modelsDir, "demo", "weights.bin");
  const weights = readFileSync(file);
  const row = classEmbedding(POISONED_CLASS);
  const start = weights.indexOf(row);
  if (start < 0) throw new Error("The class's embedding is not among the weights.");
  for (let at = start; at < start + row.length; at += 4) weights.writeFloatLE(Number.NaN, at);
  writeFileSync(file, weights);
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
