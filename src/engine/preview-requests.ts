import type { GenerateOptions } from "./engine.js";

/** Nobody sees more pictures a second of one image, and each costs the batch a decoding. */
const LEAST_GAP_MS = 250;

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
