/** Share of the engine's time that previews may take. */
const SHARE = 0.1;
/** What may be saved up while nobody asks: a burst of previews stops the batch for no longer than that. */
const MOST_SAVED_MS = 250;

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
