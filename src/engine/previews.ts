import type { GenerateOptions } from "./engine.js";

/** Share of the engine's time that previews may take. */
const SHARE = 0.1;
/** How much of it may be saved up while no client asks: a burst of previews stops the batch for no longer. */
const MOST_SAVED_MS = 250;
/** More previews a second of one image would not be noticed, and each costs the batch a decode run. */
const LEAST_GAP_MS = 250;

/** How much time previews may take: a share of the time that steps took, saved up before or paid off afterwards. */
export class PreviewBudget {
  #savedMs = 0;
  /** How long each of the last previews took. */
  #imageMs = Number.POSITIVE_INFINITY;

  /** The batch spent so long on its images. */
  worked(ms: number): void {
    this.#savedMs = Math.min(MOST_SAVED_MS, this.#savedMs + (ms * SHARE) / (1 - SHARE));
  }

  /** How many images may be decoded now. One that costs more than is saved is paid off afterwards. */
  affordableImages(): number {
    return this.#savedMs <= 0 ? 0 : Math.max(1, Math.floor(this.#savedMs / this.#imageMs));
  }

  spent(ms: number, images: number): void {
    this.#savedMs -= ms;
    this.#imageMs = ms / images;
  }
}

/** When the handle asks the thread for previews of one image: one at a time, and not too often. */
export class PreviewRequests {
  #isOut = false;
  #answeredMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: GenerateOptions) {}

  /** Whether to ask now, the image having taken a step; if so, it counts as asked. */
  ask(nowMs: number): boolean {
    if (this.#isOut || nowMs - this.#answeredMs < LEAST_GAP_MS) return false;
    this.#isOut = this.options.onPreview !== undefined && this.options.wantsPreview?.() === true;
    return this.#isOut;
  }

  answer(nowMs: number, pixels: Uint8Array, step: number, of: number): void {
    this.#isOut = false;
    this.#answeredMs = nowMs;
    this.options.onPreview?.(pixels, step, of);
  }

  /** The thread died with the request. */
  lost(): void {
    this.#isOut = false;
  }
}
