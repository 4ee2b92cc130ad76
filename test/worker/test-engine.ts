import { setTimeout as sleep } from "node:timers/promises";
import {
  type Engine,
  EngineFailure,
  type EngineStats,
  type GeneratedImage,
  type GenerateOptions,
  ImageCancelled,
  ImageExpired,
} from "../../src/engine/engine.js";
import type { ImageRequest } from "../../src/model/parameters.js";
import { monotonicMs } from "../../src/telemetry/monotonic-clock.js";

/** An engine whose images are a plain function of the request, one timer tick for each step. */
export class TestEngine implements Engine {
  readonly model = "demo";
  /** Every image that was asked for, and how it ended. */
  readonly seen: { image: ImageRequest; end?: "done" | "cancelled" | "expired" | "failed" }[] = [];
  inFlight = 0;

  constructor(
    private readonly fails: (image: ImageRequest) => boolean = () => false,
    private readonly stepMs: (image: ImageRequest) => number = () => 1,
  ) {}

  async generate(
    image: ImageRequest,
    { signal, deadlineMs, onStep, wantsPreview, onPreview }: GenerateOptions = {},
  ): Promise<GeneratedImage> {
    const submittedMs = monotonicMs();
    const entry: (typeof this.seen)[number] = { image };
    this.seen.push(entry);
    this.inFlight++;
    try {
      for (let step = 1; step <= image.parameters.steps; step++) {
        await sleep(this.stepMs(image));
        if (signal?.aborted) throw this.#end(entry, "cancelled", new ImageCancelled("cancelled"));
        if (deadlineMs !== undefined && monotonicMs() > deadlineMs) {
          throw this.#end(entry, "expired", new ImageExpired("expired"));
        }
        if (step === 2 && this.fails(image)) throw this.#end(entry, "failed", new EngineFailure("NaN in /tmp/x.onnx"));
        onStep?.(step, image.parameters.steps);
        if (wantsPreview?.()) onPreview?.(previewPixels(step), step, image.parameters.steps);
      }
      entry.end = "done";
      return { pixels: testPixels(image), width: 4, height: 2, timing: this.#timing(submittedMs) };
    } finally {
      this.inFlight--;
    }
  }

  stats(): EngineStats {
    return { inFlight: this.inFlight, waiting: 0, maxBatch: 100, runMs: 0 };
  }

  async close(): Promise<void> {}

  #end<E extends Error>(entry: (typeof this.seen)[number], end: "cancelled" | "expired" | "failed", error: E): E {
    entry.end = end;
    return error;
  }

  #timing(submittedMs: number) {
    const finishedMs = monotonicMs();
    const part = (finishedMs - submittedMs) / 4;
    return {
      submittedMs,
      finishedMs,
      batchWaitMs: part,
      transformerMs: part,
      diffusionMs: part,
      decodeMs: part,
      batchSize: 1,
      msPerImage: 2 * part,
    };
  }
}

/** The pixels of the image that the engine makes of a request: [2, 4, 3]. */
export function testPixels({ seed, imageIndex, parameters }: ImageRequest): Uint8Array {
  return new Uint8Array(24).map((_, at) => (seed * 31 + imageIndex * 17 + (parameters.class ?? 99) + at * 5) % 256);
}

/** What it shows of an image on its way, in the size of the example manifest's images: [128, 128, 3]. */
export function previewPixels(step: number): Uint8Array {
  return new Uint8Array(128 * 128 * 3).fill(step);
}
