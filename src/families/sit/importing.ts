import type { ImportedFamily, PublishedSettings } from "../../importer/imported-family.js";
import { readJsonFile } from "../../importer/json-file.js";
import type { SitArchitecture } from "../../model/manifest.js";
import { DitConfig, publishedSizes, readDit } from "../dit/importing/network.js";
import { readDitSizes } from "../dit/importing/tensors.js";
import { dit } from "../dit/importing.js";

/** `sit-xl-2` and the other published sizes, by name. */
export const SIT_SIZES = publishedSizes("sit");

const TAKEN_FOR_SIT =
  "The generator was imported as a SiT, because its last layer predicts no variance. A DiT without it is not supported.";

/** The tensors are a DiT's. */
export const sit: ImportedFamily<SitArchitecture> = {
  ...dit,
  sizes: [...SIT_SIZES.keys()],
  async recognises(tensors, arch) {
    if (arch !== undefined && !arch.endsWith(".json")) return SIT_SIZES.has(arch);
    const family = arch === undefined ? undefined : (await readJsonFile(arch, DitConfig)).family;
    return family === undefined ? !readDitSizes(tensors).learnSigma : family === "sit";
  },
  read: (tensors) =>
    readDit(tensors, {
      sizes: SIT_SIZES,
      assumption: TAKEN_FOR_SIT,
      generator: (network, { learnSigma }) => ({ family: "sit", ...network, learn_sigma: learnSigma }),
    }),
  settings: () => SETTINGS,
  async verify(model, float32, progress) {
    const { compareWithFloat32 } = await import("../dit/importing/verify.js");
    return compareWithFloat32(model, float32, progress, (share) => share);
  },
};

/** The best published results (arXiv 2401.08740, guidance 1.5): 250 steps of the SDE. The official sample.py has guidance 4. */
const SETTINGS: PublishedSettings = {
  defaults: { steps: 250, guidance_scale: 4, sampler: "sde" },
  presets: {
    exact: {
      description: "The sampler of the best published results: 250 steps of the SDE.",
      parameters: { steps: 250, sampler: "sde" },
    },
    balanced: {
      description: "The ODE in 25 Heun steps, each two evaluations; not measured on this model.",
      parameters: { steps: 25, sampler: "heun" },
    },
    fast: {
      description: "The ODE in 25 Euler steps; not measured on this model.",
      parameters: { steps: 25, sampler: "euler" },
    },
  },
};
