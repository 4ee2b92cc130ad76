import { familyOf } from "../families/families.js";
import type { Architecture } from "../model/manifest.js";
import { ContinuousBatch, type LeaveReason } from "./batch.js";
import { isOutOfMemory } from "./runtime/provider.js";
import type { Runtime } from "./runtime/runtime.js";

/**
 * Runs every graph once for a single image and once for the largest batch, through the batch itself: what is too large
 * for the machine shows before the first request. Where memory does not hold the batch, half as many images are tried, and
 * so on. Returns how many images memory holds. Rejects with a sentence.
 */
export async function warmUp(runtime: Runtime, model: Architecture, maxBatch: number): Promise<number> {
  await tryBatch(runtime, model, 1);
  for (let images = maxBatch; images > 1; images = Math.floor(images / 2)) {
    // If a run exhausts the memory, the batch finishes its images in smaller runs: slower than a smaller batch.
    let ranOut = false;
    const watched: Runtime = {
      run: (graph, inputs) =>
        runtime.run(graph, inputs).catch((error: unknown) => {
          ranOut ||= isOutOfMemory(error);
          throw error;
        }),
      close: () => runtime.close(),
    };
    const failure = await tryBatch(watched, model, images).catch((error: unknown) => error);
    if (ranOut) continue;
    if (failure) throw failure;
    return images;
  }
  return 1;
}

async function tryBatch(runtime: Runtime, model: Architecture, images: number): Promise<void> {
  let failure: string | undefined;
  const events = {
    started() {},
    stepped() {},
    previewed() {},
    finished() {},
    left(_id: number, reason: LeaveReason, message: string) {
      // The parameters are harmless, so advice to change them would be wrong.
      failure ??=
        reason === "not_finite"
          ? "its latents are not finite numbers; its weights are not those of a trained model."
          : message;
    },
  };
  const batch = new ContinuousBatch(runtime, model, { maxBatch: images, maxBatchDelayMs: 0 }, events, async () => {});
  const parameters = familyOf(model.generator).warmUpParameters(model.generator);
  for (let id = 0; id < images; id++)
    batch.submit({ id, request: { parameters, seed: 0, imageIndex: id }, submittedMs: 0 });
  while (batch.idleMs() === 0) await batch.step();
  if (failure)
    throw new Error(`The warm-up with ${images === 1 ? "one image" : `${images} images`} failed: ${failure}`);
}
