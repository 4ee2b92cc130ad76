import { isFinal, type JobRecord, type Preview } from "../../job.js";
import type { JobListener } from "../queue.js";

/**
 * Reports the newest state of a job to one listener: soon after a change, not within it, and once for all changes that came
 * meanwhile. What the listener throws becomes a warning: it must not stop the queue half way, nor the process.
 */
export class Subscription {
  readonly #previews = new Map<number, Preview>();
  #reportedSeq = -1;
  #isDue = false;
  #isClosed = false;

  /** `present` is the job's record as it stands. */
  constructor(
    private readonly listener: JobListener,
    private readonly present: () => JobRecord,
  ) {
    this.changed();
  }

  get wantsPreviews(): boolean {
    return this.listener.onPreview !== undefined;
  }

  changed(): void {
    if (this.#isDue || this.#isClosed) return;
    this.#isDue = true;
    queueMicrotask(() => this.#report());
  }

  preview(preview: Preview): void {
    if (!this.wantsPreviews) return;
    this.#previews.set(preview.imageIndex, preview);
    this.changed();
  }

  close(): void {
    this.#isClosed = true;
  }

  #report(): void {
    this.#isDue = false;
    const record = this.present();
    const previews = isFinal(record.state) ? [] : [...this.#previews.values()];
    this.#previews.clear();
    if (record.seq !== this.#reportedSeq) this.#call(() => this.listener.onChange(record));
    this.#reportedSeq = record.seq;
    for (const preview of previews) this.#call(() => this.listener.onPreview?.(preview));
  }

  #call(listener: () => void): void {
    if (this.#isClosed) return;
    try {
      listener();
    } catch (error) {
      process.emitWarning(error as Error);
    }
  }
}
