import { join } from "node:path";
import { floats, type Runtime } from "../../../src/engine/runtime/runtime.js";
import { diffusionEvaluations } from "../../../src/families/dit/diffusion-step.js";
import { DiffusionImage } from "../../../src/families/dit/image.js";
import { ditSchedule } from "../../../src/families/dit/schedule.js";
import type { ImportedModel, ImportOptions } from "../../../src/importer/options.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import type { DitArchitecture } from "../../../src/model/manifest.js";
import type { ImageRequest } from "../../../src/model/parameters.js";
import { watched } from "../../engine/tiny-engine.js";
import { importAlone } from "../../importer/models.js";
import { REFERENCE } from "../../reference.js";

const SYSTEMS = join(REFERENCE, "systems");

/** The recordings' DiT and the KL-8 beside it. */
export const DIT_CHECKPOINTS = {
  generator: join(SYSTEMS, "dit/model.safetensors"),
  tokenizer: join(SYSTEMS, "kl8/diffusers/diffusion_pytorch_model.safetensors"),
  arch: join(SYSTEMS, "dit/config.json"),
} as const;

export function importDit(change: Partial<ImportOptions> = {}): Promise<ImportedModel> {
  return importAlone({ name: "dit", ...DIT_CHECKPOINTS, ...change });
}

/** The recordings' sizes. */
export function exampleDit(): DitArchitecture {
  return {
    family: "dit",
    grid_height: 4,
    grid_width: 4,
    token_count: 16,
    token_channels: 16,
    latent_channels: 4,
    patch_size: 2,
    class_count: 10,
    train_timesteps: 1000,
    transformer: { width: 48, depth: 3, heads: 4, mlp_width: 192 },
    frequency_channels: 256,
  };
}

const PLAIN: FamilyParameters<"dit"> = { class: 3, steps: 4, guidance_scale: 4, sampler: "ddpm" };

export function ditRequest(
  change: Partial<FamilyParameters<"dit">> = {},
  seed = 1,
  imageIndex = 0,
): ImageRequest<FamilyParameters<"dit">> {
  return { parameters: { ...PLAIN, ...change }, seed, imageIndex };
}

export function ditImage(request: ImageRequest<FamilyParameters<"dit">>, model: DitArchitecture): DiffusionImage {
  const { sampler, steps } = request.parameters;
  return new DiffusionImage(request, model, diffusionEvaluations(sampler, ditSchedule(steps), model));
}

/** The runtime of a DiT or SiT whose network gives no numbers for this class. */
export function spoiled(runtime: Runtime, spoiledClass: number): Runtime {
  return watched(runtime, {
    async predict(inputs, run) {
      const outputs = await run();
      const classes = inputs.classes!.data as BigInt64Array;
      const out = floats(outputs, "out");
      const size = out.length / classes.length;
      for (const [row, label] of classes.entries())
        if (label === BigInt(spoiledClass)) out.fill(Number.NaN, row * size, (row + 1) * size);
      return outputs;
    },
  });
}
