import { canEdit } from "../../model/edit.js";
import { FAMILY_TRAITS } from "../../model/family-traits.js";
import { familyName, makesCodes } from "../../model/manifest.js";
import { quote } from "../checkpoint/error.js";
import { ImportError } from "../error.js";
import { architectureMistake, recogniseFamily } from "../families.js";
import type { CompleteArchitecture } from "../imported-family.js";
import { readDecoder } from "../tokenizers/consistency.js";
import type { LatentStatistics } from "../tokenizers/latent-statistics.js";
import { readTokenizer } from "../tokenizers/tokenizers.js";
import { checkTensors, listed, type Tensors, type TensorTable } from "./tensor-table.js";

/** The architecture that two checkpoints and `--arch` describe, every tensor checked. */
export interface DerivedArchitecture extends CompleteArchitecture {
  readonly generatorTable: TensorTable;
  readonly tokenizerTable: TensorTable;
  /** Of a model with a consistency decoder. */
  readonly decoderTable?: TensorTable;
  readonly warnings: readonly string[];
}

/** What is imported beside a generator and a tokenizer. */
interface FurtherFiles {
  readonly decoder?: { readonly tensors: Tensors; readonly clamp: boolean } | undefined;
  /** Of the tokenizer's latents. */
  readonly statistics?: LatentStatistics | undefined;
}

/**
 * Takes every size from the tensors' shapes and the rest from `arch` (a published size or the path of a config.json; inferred for the
 * published widths). Throws `ImportError` naming missing, surplus and misshapen tensors, and the first
 * statement that the tensors contradict.
 */
export async function deriveArchitecture(
  generator: Tensors,
  tokenizer: Tensors,
  arch: string | undefined,
  { decoder, statistics }: FurtherFiles = {},
): Promise<DerivedArchitecture> {
  const mistake = arch === undefined ? undefined : architectureMistake(arch);
  if (mistake !== undefined) throw new ImportError(mistake);
  const family = await recogniseFamily(generator, arch);
  const reading = family.read(generator);
  const { table } = reading;
  const surplus = [...generator].filter(([name]) => !table.has(name));
  // Not tensors at all (settings beside the weights), and tables that the sampler computes itself.
  const isUnused = ([name, { problem }]: (typeof surplus)[number]) => problem !== undefined || family.isUnused?.(name);
  const unknown = surplus.filter((tensor) => !isUnused(tensor)).map(([name]) => name);
  checkTensors("generator", table, generator, unknown);
  const tokenizerReading = readTokenizer(tokenizer, statistics);
  checkTensors("tokenizer", tokenizerReading.table, tokenizer);
  const complete = await reading.complete(tokenizerReading, arch);
  const { architecture } = complete;
  const unused = {
    generator: surplus.filter(isUnused).map(([name]) => name),
    tokenizer: [...tokenizer.keys()].filter(
      (name) => !tokenizerReading.table.has(name) && !tokenizerReading.isUnused?.(name),
    ),
  };
  const warnings = [...(complete.warnings ?? [])];
  for (const [network, names] of Object.entries(unused))
    if (names.length > 0) warnings.push(`The ${network} has tensors that are not used: ${listed(names.map(quote))}.`);
  const { generator: made } = architecture;
  if (FAMILY_TRAITS[familyName(made)].canEdit && !makesCodes(made) && !canEdit(architecture))
    warnings.push("The tokenizer has no encoder, so the model can't edit images.");
  const used = canEdit(architecture) ? tokenizerReading : tokenizerReading.withoutEncoder();
  const derived = { ...complete, generatorTable: table, tokenizerTable: used.table, warnings };
  if (!decoder) return derived;
  const decoderReading = await readDecoder(decoder.tensors, architecture.tokenizer, { arch, clamp: decoder.clamp });
  return {
    ...derived,
    architecture: { ...architecture, decoder: decoderReading.decoder },
    decoderTable: decoderReading.table,
  };
}
