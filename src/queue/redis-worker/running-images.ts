import type { Preview } from "../../job.js";
import type { ImageContext } from "../queue.js";
import { PreviewInterest } from "./preview-interest.js";

/** An image that this worker makes now. */
export interface RunningImage {
  readonly id: string;
  readonly index: number;
  readonly abort: AbortController;
  /** Steps done and how many there are; absent before the first. */
  step?: { readonly step: number; readonly of: number };
  /** The step that was told last. */
  toldStep: number;
}

/** All images that this worker makes now: what of them is to be told, and which have to leave. */
export class RunningImages {
  readonly #images = new Set<RunningImage>();
  readonly interest = new PreviewInterest();
  #onEmpty = () => {};

  get size(): number {
    return this.#images.size;
  }

  add(id: string, index: number): RunningImage {
    const image = { id, index, abort: new AbortController(), toldStep: 0 };
    this.#images.add(image);
    return image;
  }

  remove(image: RunningImage): void {
    this.#images.delete(image);
    if (![...this.#images].some(({ id }) => id === image.id)) this.interest.forget(image.id);
    if (this.#images.size === 0) this.#onEmpty();
  }

  /** What the worker's handler is given. */
  context(image: RunningImage, sendPreview: (id: string, preview: Preview) => void): ImageContext {
    return {
      signal: image.abort.signal,
      progress: (step, of) => {
        image.step = { step, of };
      },
      wantsPreview: () => !image.abort.signal.aborted && this.interest.has(image.id),
      preview: (preview) => sendPreview(image.id, preview),
    };
  }

  /** Ends the images of a job that has ended. */
  abortJob(id: string): void {
    for (const image of this.#images) if (image.id === id) image.abort.abort();
  }

  abortAll(): void {
    for (const image of this.#images) image.abort.abort();
  }

  /** Images whose progress was not told yet, as call-progress.lua takes them; told from now on. */
  takeProgress(): (string | number)[] {
    const told: (string | number)[] = [];
    for (const image of this.#images) {
      const { id, index, step } = image;
      if (!step || step.step === image.toldStep) continue;
      image.toldStep = step.step;
      told.push(id, index, step.step, step.of);
    }
    return told;
  }

  /** What was taken of progress last may not have been told. */
  tellAgain(): void {
    for (const image of this.#images) image.toldStep = 0;
  }

  /** Resolves when none is left, or after `timeoutMs`. */
  async untilNone(timeoutMs: number): Promise<void> {
    if (this.#images.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
