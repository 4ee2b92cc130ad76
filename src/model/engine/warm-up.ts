import type { Architecture } from "../manifest.js";
import type { Runtime } from "../runtime/runtime.js";
import { ContinuousBatch } from "./batch.js";
import { NOT_FINITE_ADVICE } from "./denoise.js";

/**
 * Runs every graph once for a single image and once for the largest batch, through the batch itself: what is too large
 * for the machine shows before the first request. Rejects with a sentence.
 */
export async function warmUp(runtime: Runtime, model: Architecture, maxBatch: number): Promise<void> {
  for (const images of new Set([1, maxBatch])) {
    let failure: string | undefined;
    const events = {
      started() {},
      stepped() {},
      previewed() {},
      finished() {},
      left(_id: number, _reason: string, message: string) {
        failure ??= message;
      },
    };
    const batch = new ContinuousBatch(runtime, model, { maxBatch, maxBatchDelayMs: 0 }, events, async () => {});
    for (let id = 0; id < images; id++)
      batch.submit({ id, request: { parameters: warmUpParameters(model), seed: 0, imageIndex: id }, submittedMs: 0 });
    while (batch.idleMs() === 0) await batch.step();
    if (failure) {
      // The warm-up's parameters are tame: where they fail, none help.
      const reason = failure.replace(NOT_FINITE_ADVICE, ": its weights are not those of a trained model.");
      throw new Error(`The warm-up with ${images === 1 ? "one image" : `${images} images`} failed: ${reason}`);
    }
  }
}

/** Two steps with guidance: no and some known tokens, both halves. From t = 1 latents stay near their noise. */
function warmUpParameters(model: Architecture) {
  return {
    class: 0,
    steps: Math.min(2, model.generator.token_count),
    guidance_scale: 2,
    guidance_schedule: "linear",
    temperature: 1,
    diffusion_steps: 2,
    max_timestep: 1,
    order: "random",
  } as const;
}
