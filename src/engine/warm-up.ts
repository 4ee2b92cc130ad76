import { familyOf } from "../families/families.js";
import { canEdit } from "../model/edit.js";
import type { Architecture } from "../model/manifest.js";
import type { SamplingParameters } from "../model/parameters.js";
import type { TokenizerArchitecture } from "../model/tokenizer-architecture.js";
import { ContinuousBatch, type LeaveReason } from "./batch.js";
import { Encoder } from "./encoder.js";
import { usableMemory } from "./runtime/allowance.js";
import { isOutOfMemory } from "./runtime/provider.js";
import type { Runtime } from "./runtime/runtime.js";

/** How much larger a batch may be than the one tried before it: the memory of an image is an estimate. */
const GROWTH = 4;
/** Share of the memory that the largest batch may fill. Requests, PNG files and finished images need some, too. */
const FILLED = 0.9;

/** The memory of the process, in bytes. */
export interface Memory {
  readonly usable: number;
  used(): number;
}

/**
 * Runs every graph for one image and then for larger batches, up to the largest, through the batch itself: what is too large
 * for the machine shows before the first request. A batch is tried only if it will probably fit, because Linux kills a process
 * that uses too much memory. If a GPU's memory does not hold a batch, half as many images are tried. Returns how many
 * images memory holds. Rejects with a sentence.
 */
export async function warmUp(
  runtime: Runtime,
  model: Architecture,
  maxBatch: number,
  memory: Memory = { usable: usableMemory(), used: () => process.memoryUsage.rss() },
): Promise<number> {
  // The encoder and the consistency decoder take one image at a time: their memory does not grow with the batch.
  if (canEdit(model)) await encodeOne(runtime, model.tokenizer);
  if (model.decoder) await tryBatch(runtime, model, 1, "consistency");
  const before = memory.used();
  const room = FILLED * memory.usable - before;
  await tryBatch(runtime, model, 1);
  let held = 1;
  let largest = maxBatch;
  for (;;) {
    // ONNX Runtime keeps the memory of a run for the next, so what a batch needed shows after it.
    const perImage = Math.max(1, memory.used() - before) / held;
    const images = Math.min(largest, GROWTH * held, Math.floor(room / perImage));
    if (images <= held) return held;
    if (await fits(runtime, model, images)) held = images;
    else largest = Math.floor(images / 2);
  }
}

async function encodeOne(runtime: Runtime, tokenizer: TokenizerArchitecture): Promise<void> {
  const black = new Uint8Array(tokenizer.image_height * tokenizer.image_width * 3);
  await new Encoder(runtime, tokenizer).encodePixels(black).catch((error: Error) => {
    throw new Error(`The warm-up of the encoder failed: ${error.message}`);
  });
}

/** Rejects if the batch fails for any other reason than memory. */
async function fits(runtime: Runtime, model: Architecture, images: number): Promise<boolean> {
  // If a run exhausts the memory, the batch finishes its images in smaller runs: slower than a smaller batch.
  let ranOut = false;
  const watched: Runtime = {
    ...runtime,
    run: (...run) =>
      runtime.run(...run).catch((error: unknown) => {
        ranOut ||= isOutOfMemory(error);
        throw error;
      }),
  };
  await tryBatch(watched, model, images).catch((error: unknown) => {
    if (!ranOut) throw error;
  });
  return !ranOut;
}

async function tryBatch(
  runtime: Runtime,
  model: Architecture,
  images: number,
  decoder: SamplingParameters["decoder"] = "tokenizer",
): Promise<void> {
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
  const parameters = { ...familyOf(model.generator).warmUpParameters(model.generator), decoder };
  for (let id = 0; id < images; id++)
    batch.submit({ id, request: { parameters, seed: 0, imageIndex: id }, submittedMs: 0 });
  while (batch.idleMs() === 0) await batch.step();
  if (failure)
    throw new Error(`The warm-up with ${images === 1 ? "one image" : `${images} images`} failed: ${failure}`);
}
