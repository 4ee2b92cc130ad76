import type { Stage } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { HeadArchitecture } from "../../model/manifest.js";
import { CodeSampler } from "./code-sampler.js";
import { Denoiser } from "./denoiser.js";
import type { HeadImage } from "./head-image.js";

/** The part of a step that samples tokens, given the transformer's output. */
export function openHead(runtime: Runtime, model: HeadArchitecture): Stage<HeadImage> {
  return model.head_kind === "diffusion" ? new Denoiser(runtime, model) : new CodeSampler();
}
