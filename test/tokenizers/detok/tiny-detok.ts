import { join } from "node:path";
import type { ImportedModel, ImportOptions } from "../../../src/importer/options.js";
import { importAlone } from "../../importer/models.js";
import { REFERENCE } from "../../reference.js";

/** The recordings' MAR on DeTok, from plain weights. */
export const DEEP = join(REFERENCE, "systems/detok/deep");
/** The same of other sizes, from training checkpoints. */
export const SMALL = join(REFERENCE, "systems/detok/small");

export const DEEP_FILES = {
  generator: join(DEEP, "generator.safetensors"),
  tokenizer: join(DEEP, "tokenizer.safetensors"),
  arch: join(DEEP, "config.json"),
  latentStats: { path: join(DEEP, "stats.pkl") },
} as const;

export const SMALL_FILES = {
  generator: join(SMALL, "generator.pth"),
  tokenizer: join(SMALL, "tokenizer.pth"),
  arch: join(SMALL, "config.json"),
  latentStats: { path: join(SMALL, "stats.pkl") },
} as const;

/** Imports `DEEP_FILES`. */
export function importDetok(change: Partial<ImportOptions> = {}): Promise<ImportedModel> {
  return importAlone({ name: "detok", ...DEEP_FILES, ...change });
}
