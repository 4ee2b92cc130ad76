import type { Family, Sampler } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { AnyMarArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { unpatchify } from "../../model/sampler/patches.js";
import { buildDenoise, buildDenoiseLoop } from "../heads/denoise-graph.js";
import { openHead } from "../heads/head.js";
import { MarImage } from "./image.js";
import { buildPredict } from "./predict-graph.js";
import { Predictor } from "./predictor.js";

/**
 * Masked autoregressive generation: Li et al., "Autoregressive Image Generation without Vector Quantization", arXiv 2406.11838. A step
 * predicts z at the positions to sample, then denoises their tokens; with a categorical head, it predicts logits, and draws codes.
 */
export const mar: Family<AnyMarArchitecture> = {
  pixelRounding: "nearest",
  // Two steps with guidance: no and some known tokens, both halves. From t = 1 latents stay near their noise.
  warmUpParameters: ({ token_count, head_kind }) => ({
    class: 0,
    steps: Math.min(2, token_count),
    guidance_scale: 2,
    guidance_schedule: "linear",
    temperature: 1,
    ...(head_kind === "diffusion" && { diffusion_steps: 2, max_timestep: 1 }),
    order: "random",
  }),
  buildGraphs: (model, weights, options) => ({
    predict: buildPredict(model, weights, options),
    ...(model.head_kind === "diffusion" && { denoise: buildDenoise(model, weights, options) }),
  }),
  buildWebgpuGraphs: (model, weights) => ({
    predict: buildPredict(model, weights, { webgpu: true }),
    ...(model.head_kind === "diffusion" && { denoise: buildDenoiseLoop(model, weights) }),
  }),
  open: openSampler,
};

function openSampler(runtime: Runtime, model: AnyMarArchitecture): Sampler<MarImage> {
  return {
    admit: (request: ImageRequest<FamilyParameters<"mar">>, masked) => new MarImage(request, model, masked),
    setKnownTokens: (image, latents) => image.setKnownTokens(latents),
    stages: [new Predictor(runtime, model), openHead(runtime, model)],
    advance: (image) => image.advance(),
    writeLatents: (image, latents, offset) => unpatchify(image.tokens, model, latents, offset),
  };
}
