import type { Manifest } from "../model/manifest.js";
import { monotonicMs } from "../telemetry/monotonic-clock.js";
import { type Engine, EngineFailure, type GeneratedImage, ImageCancelled, ImageExpired } from "./engine.js";

/**
 * An engine that does no work: every image is the same marked image, at once. For load tests of everything around the
 * engine (`ENGINE=null`). Its callers warn that no real images are made.
 */
export function openNullEngine(manifest: Manifest, maxBatch: number): Engine {
  const { image_width: width, image_height: height } = manifest.architecture.tokenizer;
  const marked = markedImage(width, height);
  let closed = false;
  return {
    model: manifest.name,
    async generate(request, options = {}): Promise<GeneratedImage> {
      if (closed) throw new EngineFailure("The engine is closing and takes no more images.");
      if (options.signal?.aborted) throw new ImageCancelled("The image was cancelled before it was submitted.");
      const now = monotonicMs();
      if (options.deadlineMs !== undefined && options.deadlineMs <= now)
        throw new ImageExpired("The deadline had passed before the image was submitted.");
      const { steps } = request.parameters;
      options.onStep?.(steps, steps);
      if (options.wantsPreview?.()) options.onPreview?.(marked.slice(), steps, steps);
      const spans = { batchWaitMs: 0, transformerMs: 0, diffusionMs: 0, decodeMs: 0, batchSize: 1, msPerImage: 0 };
      return { pixels: marked.slice(), width, height, timing: { submittedMs: now, finishedMs: now, ...spans } };
    },
    stats: () => ({ inFlight: 0, waiting: 0, maxBatch, runMs: 0 }),
    async close() {
      closed = true;
    },
  };
}

/** Grey with a magenta cross from corner to corner, so that it can't be mistaken for a generated image. [H, W, 3] */
function markedImage(width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(height * width * 3).fill(128);
  for (let y = 0; y < height; y++) {
    const x = Math.round((y * (width - 1)) / Math.max(1, height - 1));
    for (const column of [x, width - 1 - x]) pixels.set([255, 0, 255], (y * width + column) * 3);
  }
  return pixels;
}
