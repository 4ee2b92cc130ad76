import { ImportError } from "../../importer/error.js";
import type { ImportedFamily, PublishedSettings } from "../../importer/imported-family.js";
import type { DitArchitecture } from "../../model/manifest.js";
import { publishedSizes, readDit } from "./importing/network.js";
import { DIT_MARKER } from "./importing/tensors.js";

/** `dit-xl-2` and the other published sizes, by name. */
export const DIT_SIZES = publishedSizes("dit");

const TAKEN_FOR_DIT =
  "The generator was imported as a DiT. A SiT has the same tensors: if it is one, import it again with --arch sit-xl-2, or the size that it has.";

export const dit: ImportedFamily<DitArchitecture> = {
  markers: [DIT_MARKER],
  sizes: [...DIT_SIZES.keys()],
  read: (tensors) =>
    readDit(tensors, {
      sizes: DIT_SIZES,
      assumption: TAKEN_FOR_DIT,
      generator: (network) => ({ family: "dit", ...network }),
      check: ({ learnSigma }, label) => {
        if (learnSigma) return;
        throw new ImportError(
          `${label} is a DiT, but the generator's last layer predicts no variance. If it is a SiT, use --arch sit-xl-2, or the size that it has.`,
        );
      },
    }),
  settings: () => SETTINGS,
  quantized: [/^blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12]|adaLN_modulation\.1)\.weight$/],
  // Its output is multiplied by up to 20,000 (1 / sqrt(alpha-bar)).
  neverHalved: /^final_layer\.linear\./,
  async verify(model, float32, progress) {
    const { compareWithFloat32 } = await import("./importing/verify.js");
    const { train_timesteps } = model.manifest.architecture.generator;
    return compareWithFloat32(model, float32, progress, (share) => Math.round((1 - share) * (train_timesteps - 1)));
  },
};

/** The official sample.py: 250 DDPM steps with guidance 4. Its FID is measured with guidance 1.5 (sample_ddp.py). */
const SETTINGS: PublishedSettings = {
  defaults: { steps: 250, guidance_scale: 4, sampler: "ddpm" },
  presets: {
    exact: { description: "The published sampler: 250 DDPM steps.", parameters: { steps: 250, sampler: "ddpm" } },
    balanced: {
      description: "DDIM in 50 steps; not measured on this model.",
      parameters: { steps: 50, sampler: "ddim" },
    },
    fast: { description: "DDIM in 25 steps; not measured on this model.", parameters: { steps: 25, sampler: "ddim" } },
  },
};
