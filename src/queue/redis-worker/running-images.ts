import type { Preview } from "../../job.js";
import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import type { ImageContext } from "../queue.js";
import { WATCHED_MS } from "../redis/job-watch.js";
import { waitUntil } from "../wait-until.js";

/** Which jobs' previews are watched, as announced to this worker: also of jobs that others make. */
export class PreviewInterest {
  /** In the order of their times. */
  readonly #until = new Map<string, number>();

  get size(): number {
    return this.#until.size;
  }

  watched(id: string): void {
    const now = monotonicMs();
    this.#until.delete(id);
    this.#until.set(id, now + WATCHED_MS);
    for (const [oldest, until] of this.#until) {
      if (until > now) break;
      this.#until.delete(oldest);
    }
  }

  has(id: string): boolean {
    const until = this.#until.get(id);
    if (until === undefined) return false;
    if (until > monotonicMs()) return true;
    this.#until.delete(id);
    return false;
  }

  /** Forgets a job of which this worker makes no more images. */
  forget(id: string): void {
    this.#until.delete(id);
  }
}

export type ImageTimes = Pick<ImageContext, "acceptedMs" | "deadlineMs">;

/** An image that this worker makes now. */
export interface RunningImage {
  readonly id: string;
  readonly index: number;
  readonly times: ImageTimes;
  readonly abort: AbortController;
  /** Steps done and how many there are; absent before the first. */
  step?: { readonly step: number; readonly of: number };
  /** The step that was reported last. */
  reportedStep: number;
}

/** All images that this worker makes now: their progress, and which of them must stop. */
export class RunningImages {
  readonly #images = new Set<RunningImage>();
  readonly interest = new PreviewInterest();
  #onEmpty = () => {};

  get size(): number {
    return this.#images.size;
  }

  add(id: string, index: number, times: ImageTimes): RunningImage {
    const image = { id, index, times, abort: new AbortController(), reportedStep: 0 };
    this.#images.add(image);
    return image;
  }

  remove(image: RunningImage): void {
    this.#images.delete(image);
    if (![...this.#images].some(({ id }) => id === image.id)) this.interest.forget(image.id);
    if (this.#images.size === 0) this.#onEmpty();
  }

  /** What the worker's handler gets. */
  context(image: RunningImage, sendPreview: (id: string, preview: Preview) => void): ImageContext {
    return {
      ...image.times,
      signal: image.abort.signal,
      progress: (step, of) => {
        image.step = { step, of };
      },
      wantsPreview: () => !image.abort.signal.aborted && this.interest.has(image.id),
      preview: (preview) => sendPreview(image.id, preview),
    };
  }

  /** Stops the images of a job that has ended. */
  abortJob(id: string): void {
    for (const image of this.#images) if (image.id === id) image.abort.abort();
  }

  abortAll(): void {
    for (const image of this.#images) image.abort.abort();
  }

  /** Progress that was not reported yet, as `progress` in worker-calls.lua takes it; it counts as reported from now on. */
  takeProgress(): (string | number)[] {
    const progress: (string | number)[] = [];
    for (const image of this.#images) {
      const { id, index, step } = image;
      if (!step || step.step === image.reportedStep) continue;
      image.reportedStep = step.step;
      progress.push(id, index, step.step, step.of);
    }
    return progress;
  }

  /** The progress that was taken last was perhaps not reported. */
  reportAgain(): void {
    for (const image of this.#images) image.reportedStep = 0;
  }

  /** Resolves when no image is left, or after `timeoutMs`. */
  async untilNone(timeoutMs: number): Promise<void> {
    if (this.#images.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    await waitUntil(empty, timeoutMs);
  }
}
