import { join } from "node:path";
import { DiffusionImage } from "../../../src/families/dit/image.js";
import { flowEvaluations } from "../../../src/families/sit/flow.js";
import type { ImportOptions } from "../../../src/importer/options.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import type { SitArchitecture } from "../../../src/model/manifest.js";
import type { ImageRequest } from "../../../src/model/parameters.js";
import { REFERENCE } from "../../reference.js";
import { importDit } from "../dit/tiny-dit.js";

const SYSTEMS = join(REFERENCE, "systems");

/** The recordings' SiT; the KL-8 is the DiT's. */
export const SIT_CHECKPOINTS = {
  generator: join(SYSTEMS, "sit/model.safetensors"),
  arch: join(SYSTEMS, "sit/config.json"),
} as const;

export const importSit = (change: Partial<ImportOptions> = {}) =>
  importDit({ name: "sit", ...SIT_CHECKPOINTS, ...change });

/** The recordings' sizes. */
export function exampleSit(): SitArchitecture {
  return {
    family: "sit",
    grid_height: 4,
    grid_width: 4,
    token_count: 16,
    token_channels: 16,
    latent_channels: 4,
    patch_size: 2,
    class_count: 10,
    train_timesteps: 1000,
    transformer: { width: 32, depth: 2, heads: 4, mlp_width: 128 },
    frequency_channels: 256,
    learn_sigma: true,
  };
}

const PLAIN: FamilyParameters<"sit"> = { class: 3, steps: 4, guidance_scale: 4, sampler: "sde" };

export function sitRequest(
  change: Partial<FamilyParameters<"sit">> = {},
  seed = 1,
  imageIndex = 0,
): ImageRequest<FamilyParameters<"sit">> {
  return { parameters: { ...PLAIN, ...change }, seed, imageIndex };
}

export function sitImage(request: ImageRequest<FamilyParameters<"sit">>, model: SitArchitecture): DiffusionImage {
  const { sampler, steps } = request.parameters;
  return new DiffusionImage(request, model, flowEvaluations(sampler, steps));
}
