import type { GenerateOptions } from "./engine.js";

/** Share of the engine's time that previews may take. */
const SHARE = 0.1;
/** What may be saved up while nobody asks: a burst of previews stops the batch for no longer than that. */
const MOST_SAVED_MS = 250;
/** Nobody sees more pictures a second of one image, and each costs the batch a decoding. */
const LEAST_GAP_MS = 250;

/** What previews may cost: a share of the steps' time, paid before or after. */
export class PreviewBudget {
  #savedMs = 0;
  /** What the last previews took, each. */
  #imageMs = Number.POSITIVE_INFINITY;

  /** The batch worked for so long on what it is there for. */
  worked(ms: number): void {
    this.#savedMs = Math.min(MOST_SAVED_MS, this.#savedMs + (ms * SHARE) / (1 - SHARE));
  }

  /** How many images may be decoded now: where one costs more than is saved, it is paid off afterwards. */
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
