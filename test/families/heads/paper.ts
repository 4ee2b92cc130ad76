import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { importModel } from "../../../src/importer/import.js";
import type { Manifest, Precision } from "../../../src/model/manifest.js";
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

/** Imports one into a folder that lives as long as the test file. */
export async function importPaper(
  name: PaperModel,
  precision: Precision = "fp32",
): Promise<{ readonly folder: string; readonly manifest: Manifest }> {
  const modelsDir = await mkdtemp(join(tmpdir(), "marimba-paper-"));
  afterAll(() => rm(modelsDir, { recursive: true, force: true }));
  const arch = join(PAPER, name, "config.json");
  const { first_stage } = JSON.parse(await readFile(arch, "utf8"));
  return importModel({
    name,
    generator: join(PAPER, name, "generator.safetensors"),
    tokenizer: join(PAPER, name, first_stage, TOKENIZERS[first_stage]!),
    arch,
    precision,
    modelsDir,
  });
}
