import { join } from "node:path";
import type { ImportedModel, ImportOptions } from "../../../src/importer/options.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import type { CausalArchitecture } from "../../../src/model/manifest.js";
import type { ImageRequest } from "../../../src/model/parameters.js";
import { importAlone } from "../../importer/models.js";
import { REFERENCE } from "../../reference.js";

const LLAMAGEN = join(REFERENCE, "systems/llamagen");

/** The recordings' LlamaGen of 4x4 tokens. */
export const CAUSAL_CHECKPOINTS = {
  generator: join(LLAMAGEN, "4x4/c2i.pt"),
  tokenizer: join(LLAMAGEN, "vq-4x4/vq.pt"),
  arch: join(LLAMAGEN, "4x4/config.json"),
} as const;

export function importCausal(change: Partial<ImportOptions> = {}): Promise<ImportedModel> {
  return importAlone({ name: "causal", ...CAUSAL_CHECKPOINTS, ...change });
}

/** The recordings' sizes. */
export function exampleCausal(): CausalArchitecture {
  return {
    family: "causal",
    grid_height: 4,
    grid_width: 4,
    token_count: 16,
    token_channels: 1,
    latent_channels: 1,
    patch_size: 1,
    class_count: 10,
    head_kind: "categorical",
    codes: 64,
    transformer: { width: 32, depth: 2, heads: 4, mlp_width: 256 },
    norm_eps: 1e-5,
    rope_base: 10_000,
  };
}

const PLAIN: FamilyParameters<"causal"> = { class: 3, steps: 16, guidance_scale: 2, temperature: 1 };

export function causalRequest(
  change: Partial<FamilyParameters<"causal">> = {},
  seed = 1,
  imageIndex = 0,
): ImageRequest<FamilyParameters<"causal">> {
  return { parameters: { ...PLAIN, ...change }, seed, imageIndex };
}
