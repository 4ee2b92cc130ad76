const WINDOW_MS = 60_000;
/** What finishes within so long counts as one entry. */
const ENTRY_MS = 500;
const MIN_RETRY_S = 1;
const MAX_RETRY_S = 300;
/** Told while nothing has been measured yet. */
const UNMEASURED_RETRY_S = 5;

/** How fast images get done, measured over the last minute, to tell a refused client when to come back. */
export class FinishRate {
  #finished: { at: number; images: number }[] = [];

  record(images: number, now = Date.now()): void {
    const newest = this.#finished.at(-1);
    if (newest && now - newest.at < ENTRY_MS) newest.images += images;
    else this.#finished.push({ at: now, images });
    this.#forget(now);
  }

  /** Whole seconds, 1 to 300, until `images` more will be done at the measured rate. */
  secondsFor(images: number, now = Date.now()): number {
    this.#forget(now);
    const oldest = this.#finished[0];
    if (!oldest || now <= oldest.at) return UNMEASURED_RETRY_S;
    const done = this.#finished.reduce((sum, entry) => sum + entry.images, 0);
    const seconds = Math.ceil((images * (now - oldest.at)) / done / 1000);
    return Math.min(MAX_RETRY_S, Math.max(MIN_RETRY_S, seconds));
  }

  #forget(now: number): void {
    const firstKept = this.#finished.findIndex(({ at }) => at >= now - WINDOW_MS);
    if (firstKept !== 0) this.#finished = firstKept < 0 ? [] : this.#finished.slice(firstKept);
  }
}
