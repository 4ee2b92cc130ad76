import type { Family } from "../../engine/family.js";
import type { SitArchitecture } from "../../model/manifest.js";
import { buildPredict } from "../dit/predict-graph.js";
import { openSampler } from "../dit/sampler.js";
import { flowEvaluations } from "./flow.js";

/**
 * Scalable interpolant transformers: Ma et al., arXiv 2401.08740. The network is a DiT's, and its output is the velocity of
 * a flow from noise to the image.
 */
export const sit: Family<SitArchitecture> = {
  pixelRounding: "down",
  // Two steps with guidance: both rows.
  warmUpParameters: () => ({ class: 0, steps: 2, guidance_scale: 2, sampler: "sde" }),
  buildGraphs: (model, weights, options) => ({ predict: buildPredict(model, weights, options) }),
  buildWebgpuGraphs: (model, weights) => ({ predict: buildPredict(model, weights, { webgpu: true }) }),
  open: (runtime, model) => openSampler<"sit">(runtime, model, ({ sampler, steps }) => flowEvaluations(sampler, steps)),
};
