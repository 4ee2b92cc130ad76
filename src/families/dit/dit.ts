import type { Family } from "../../engine/family.js";
import type { DitArchitecture } from "../../model/manifest.js";
import { diffusionEvaluations } from "./diffusion-step.js";
import { buildPredict } from "./predict-graph.js";
import { openSampler } from "./sampler.js";
import { ditSchedule } from "./schedule.js";

/**
 * Diffusion transformers: Peebles and Xie, "Scalable Diffusion Models with Transformers", arXiv 2212.09748. A step is one
 * diffusion step of the whole image.
 */
export const dit: Family<DitArchitecture> = {
  pixelRounding: "down",
  // Two steps with guidance: both rows.
  warmUpParameters: () => ({ class: 0, steps: 2, guidance_scale: 2, sampler: "ddpm" }),
  buildGraphs: (model, weights, options) => ({ predict: buildPredict(model, weights, options) }),
  buildWebgpuGraphs: (model, weights) => ({ predict: buildPredict(model, weights, { webgpu: true }) }),
  open: (runtime, model) =>
    openSampler<"dit">(runtime, model, ({ sampler, steps }) =>
      diffusionEvaluations(sampler, ditSchedule(steps), model),
    ),
};
