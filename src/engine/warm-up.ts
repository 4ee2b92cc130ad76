import type { Architecture } from "../model/manifest.js";
import { ContinuousBatch } from "./batch.js";
import { NOT_FINITE_ADVICE } from "./denoiser.js";
import { isOutOfMemory } from "./runtime/provider.js";
import type { Runtime } from "./runtime/runtime.js";

/**
 * Runs every graph once for a single image and once for the largest batch, through the batch itself: what is too large
 * for the machine shows before the first request. Where memory doesn't hold the batch, half of it is tried, and so on;
 * returns the one that it holds. Rejects with a sentence.
 */
export async function warmUp(runtime: Runtime, model: Architecture, maxBatch: number): Promise<number> {
  await tryBatch(runtime, model, 1);
  for (let images = maxBatch; images > 1; images = Math.floor(images / 2)) {
    const watched = new MemoryWatch(runtime);
    const failure = await tryBatch(watched, model, images).catch((error: unknown) => error);
    if (watched.ranOut) continue;
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
    left(_id: number, _reason: string, message: string) {
      failure ??= message;
    },
  };
  const batch = new ContinuousBatch(runtime, model, { maxBatch: images, maxBatchDelayMs: 0 }, events, async () => {});
  for (let id = 0; id < images; id++)
    batch.submit({ id, request: { parameters: warmUpParameters(model), seed: 0, imageIndex: id }, submittedMs: 0 });
  while (batch.idleMs() === 0) await batch.step();
  if (!failure) return;
  // The warm-up's parameters are tame: where they fail, none help.
  const reason = failure.replace(NOT_FINITE_ADVICE, ": its weights are not those of a trained model.");
  throw new Error(`The warm-up with ${images === 1 ? "one image" : `${images} images`} failed: ${reason}`);
}

/** Sees runs that memory ends. The batch makes its images all the same, in smaller runs: slower than a smaller batch. */
class MemoryWatch implements Runtime {
  ranOut = false;

  constructor(private readonly runtime: Runtime) {}

  predict: Runtime["predict"] = (batch) => this.watch(this.runtime.predict(batch));
  denoise: Runtime["denoise"] = (batch) => this.watch(this.runtime.denoise(batch));
  decode: Runtime["decode"] = (latents, images) => this.watch(this.runtime.decode(latents, images));
  close: Runtime["close"] = () => this.runtime.close();

  private watch<Result>(run: Promise<Result>): Promise<Result> {
    return run.catch((error: unknown) => {
      this.ranOut ||= isOutOfMemory(error);
      throw error;
    });
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
