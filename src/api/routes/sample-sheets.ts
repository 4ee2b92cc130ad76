import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ModelRegistry } from "../../model/registry.js";

/**
 * A little picture of each class in one file beside the model's manifest: squares in the classes' order, row by row, as
 * many in a row as there are rows or one more. `npm run samples` asks a running service for the pictures and writes it.
 */
const SAMPLE_SHEET = "samples.webp";
export const SAMPLE_SHEET_TYPE = "image/webp";

/** A thousand squares of 64 pixels have about 2 MB. */
const MAX_SHEET_BYTES = 8 * 1024 * 1024;

/** By model's name, for the models that have one. */
export async function readSampleSheets(models: ModelRegistry): Promise<Map<string, Buffer>> {
  const sheets = new Map<string, Buffer>();
  for (const { name } of models.list()) {
    const bytes = await readBounded(join(models.folderOf(name), SAMPLE_SHEET));
    if (bytes) sheets.set(name, bytes);
  }
  return sheets;
}

/** Undefined where there is no such file, or none that can be shown: a decoration stops no service from starting. */
async function readBounded(path: string): Promise<Buffer | undefined> {
  const file = await open(path).catch(() => undefined);
  try {
    const stat = await file?.stat();
    return stat?.isFile() && stat.size <= MAX_SHEET_BYTES ? await file!.readFile() : undefined;
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}
