import type { EngineTiming } from "./engine.js";

/** The parts that an image's time in the engine is divided into; `EngineTiming` says what each is. */
export const SPANS = [
  "batchWaitMs",
  "transformerMs",
  "diffusionMs",
  "decodeMs",
] as const satisfies (keyof EngineTiming)[];
export type Span = (typeof SPANS)[number];

/** What the thread measured of one image; the sum of the spans is the time from submission to pixels. */
export type MeasuredSpans = Omit<EngineTiming, "submittedMs" | "finishedMs">;

/**
 * One image's clock. Each reading closes the span since the reading before it, so the spans are contiguous: together
 * they are the whole time, with nothing left over.
 */
export class ImageClock {
  readonly #ms: Record<Span, number> = { batchWaitMs: 0, transformerMs: 0, diffusionMs: 0, decodeMs: 0 };
  #readMs: number;
  #sharedMs = 0;
  #steps = 0;
  #imagesOverSteps = 0;

  constructor(submittedMs: number) {
    this.#readMs = submittedMs;
  }

  /** The time since the last reading was a wait. */
  waited(nowMs: number): void {
    this.#close("batchWaitMs", nowMs);
  }

  /** The time since the last reading was work that `images` images shared. */
  worked(span: Exclude<Span, "batchWaitMs">, nowMs: number, images: number): void {
    this.#sharedMs += this.#close(span, nowMs) / images;
  }

  /** One more step, with so many images in flight. */
  countStep(images: number): void {
    this.#steps++;
    this.#imagesOverSteps += images;
  }

  measured(): MeasuredSpans {
    return {
      ...this.#ms,
      batchSize: this.#steps === 0 ? 0 : this.#imagesOverSteps / this.#steps,
      msPerImage: this.#sharedMs,
    };
  }

  #close(span: Span, nowMs: number): number {
    const ms = Math.max(0, nowMs - this.#readMs);
    this.#ms[span] += ms;
    this.#readMs = nowMs;
    return ms;
  }
}
