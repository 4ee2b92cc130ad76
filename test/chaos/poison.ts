import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { importTinyModel } from "../commands/marimba.js";
import { TINY } from "../reference.js";

/** The class whose images never come out. */
export const POISONED_CLASS = 9;

/** Imports the small model with an embedding for one class that is finite and too large for any arithmetic. */
export async function importPoisonedModel(modelsDir: string): Promise<void> {
  const bytes = readFileSync(join(TINY, "mar.safetensors"));
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const { shape, data_offsets } = header["class_emb.weight"]!;
  const row = shape[1]! * 4;
  const start = 8 + headerBytes + data_offsets[0] + POISONED_CLASS * row;
  for (let at = start; at < start + row; at += 4) bytes.writeFloatLE(3e38, at);
  const generator = `${modelsDir}-poisoned.safetensors`;
  writeFileSync(generator, bytes);
  await importTinyModel(modelsDir, generator);
}
