import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImportedModel } from "../../../src/importer/options.js";
import type { Precision } from "../../../src/model/manifest.js";
import { importAlone } from "../../importer/models.js";
import { REFERENCE } from "../../reference.js";

const PAPER = join(REFERENCE, "systems/paper");
const TOKENIZERS: Readonly<Record<string, string>> = {
  "../../kl8": "model.ckpt",
  "../../llamagen/vq-4x4": "vq.pt",
  "../../llamagen/vq-6x6": "vq.pt",
};

/** The recorded generators of MAR's paper. */
export type PaperModel =
  | "raster-diffusion"
  | "random-diffusion"
  | "raster-codes"
  | "random-codes"
  | "mar-codes"
  | "mar-codes-odd";

/** Imports one. */
export async function importPaper(name: PaperModel, precision: Precision = "fp32"): Promise<ImportedModel> {
  const arch = join(PAPER, name, "config.json");
  const { first_stage } = JSON.parse(await readFile(arch, "utf8"));
  return importAlone({
    name,
    generator: join(PAPER, name, "generator.safetensors"),
    tokenizer: join(PAPER, name, first_stage, TOKENIZERS[first_stage]!),
    arch,
    precision,
  });
}
