import type { Family, Sampler } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { MarArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { DiffusionSchedules } from "../../model/sampler/diffusion-schedule.js";
import { unpatchify } from "../../model/sampler/patches.js";
import { buildDenoise, buildDenoiseLoop } from "./denoise-graph.js";
import { Denoiser } from "./denoiser.js";
import { MarImage } from "./image.js";
import { buildPredict } from "./predict-graph.js";
import { Predictor } from "./predictor.js";
import { MarGraphs } from "./run-graphs.js";

/**
 * Masked autoregressive generation with a diffusion head for each token: Li et al., "Autoregressive Image Generation
 * without Vector Quantization", arXiv 2406.11838. A step predicts z at the positions to sample, then denoises their tokens.
 */
export const mar: Family<MarArchitecture> = {
  pixelRounding: "nearest",
  // Two steps with guidance: no and some known tokens, both halves. From t = 1 latents stay near their noise.
  warmUpParameters: ({ token_count }) => ({
    class: 0,
    steps: Math.min(2, token_count),
    guidance_scale: 2,
    guidance_schedule: "linear",
    temperature: 1,
    diffusion_steps: 2,
    max_timestep: 1,
    order: "random",
  }),
  buildGraphs: (model, weights, options) => ({
    predict: buildPredict(model, weights, options),
    denoise: buildDenoise(model, weights, options),
  }),
  buildWebgpuGraphs: (model, weights) => ({
    predict: buildPredict(model, weights, { webgpu: true }),
    denoise: buildDenoiseLoop(model, weights),
  }),
  open: openSampler,
};

function openSampler(runtime: Runtime, model: MarArchitecture): Sampler<MarImage> {
  const graphs = new MarGraphs(runtime, model);
  const schedules = new DiffusionSchedules(model.head.frequency_channels);
  return {
    admit: (request: ImageRequest<FamilyParameters<"mar">>, masked) => new MarImage(request, model, schedules, masked),
    setKnownTokens: (image, latents) => image.setKnownTokens(latents),
    stages: [new Predictor(graphs, model, runtime.runMemory), new Denoiser(graphs, model, runtime.runMemory)],
    advance: (image) => image.advance(),
    writeLatents: (image, latents, offset) => unpatchify(image.tokens, model, latents, offset),
  };
}
