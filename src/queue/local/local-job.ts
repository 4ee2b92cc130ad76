import { isFinal, type JobRecord, type JobSpec, type StoredImage } from "../../job.js";
import { MAX_TIMER_MS } from "./kept-results.js";

/** One job of the local queue: its record, its images once it is done, and who wants to know of changes. */
export class LocalJob {
  readonly #listeners = new Set<() => void>();
  readonly #abort = new AbortController();
  #deadlineTimer: NodeJS.Timeout | undefined;
  record: JobRecord;
  images: readonly StoredImage[] = [];

  constructor(
    readonly spec: JobSpec,
    readonly idempotencyKey: string | undefined,
  ) {
    this.record = { spec, state: "queued", images: [] };
  }

  /** Aborts when the job ends before its handler does. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isFinal(): boolean {
    return isFinal(this.record.state);
  }

  change(changes: Partial<JobRecord>): void {
    this.record = { ...this.record, ...changes };
    for (const listener of this.#listeners) this.#tell(listener);
  }

  start(): void {
    clearTimeout(this.#deadlineTimer);
    this.change({ state: "running", startedAt: Date.now() });
  }

  /** Makes the job final, once and for all, and lets its handler know. */
  end(changes: Partial<JobRecord> & Pick<JobRecord, "state">, images: readonly StoredImage[]): void {
    clearTimeout(this.#deadlineTimer);
    this.images = images;
    this.change(changes);
    this.#abort.abort();
  }

  /** Calls back when the job's deadline passes before it starts. */
  onDeadline(callback: () => void): void {
    const { deadline_at } = this.spec;
    if (deadline_at === undefined) return;
    const leftMs = deadline_at - Date.now();
    // Set again rather than trusted: a timer may fire a millisecond early, and takes no delay above its longest.
    if (leftMs <= 0) callback();
    else this.#deadlineTimer = setTimeout(() => this.onDeadline(callback), Math.min(leftMs, MAX_TIMER_MS));
  }

  /** Calls `listener` soon, and again after every change, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#tell(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the job is final, after `timeoutMs`, or when `signal` aborts. */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.isFinal || signal?.aborted || timeoutMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const stopWaiting = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stopWaiting);
        stopListening();
        resolve();
      };
      const timer = setTimeout(stopWaiting, Math.min(timeoutMs, MAX_TIMER_MS));
      const stopListening = this.listen(() => this.isFinal && stopWaiting());
      signal?.addEventListener("abort", stopWaiting);
    });
  }

  /** Apart from the change itself: a listener that throws must not stop the queue half way, nor the process. */
  #tell(listener: () => void): void {
    queueMicrotask(() => {
      try {
        if (this.#listeners.has(listener)) listener();
      } catch (error) {
        process.emitWarning(error as Error);
      }
    });
  }
}
