import { isFinal, type JobError, type JobRecord, type JobSpec, type NewJob, type StoredImage } from "../../job.js";
import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import { type ImageContext, type JobListener, MAX_TRIES, shownProgress } from "../queue.js";
import { MAX_TIMER_MS, waitUntil } from "../wait-until.js";
import { Subscription } from "./subscription.js";

/** How a job ended. */
export interface JobEnd {
  readonly state: "completed" | "failed" | "cancelled";
  readonly error?: JobError;
}

/** One job of the local queue: its record, the images made so far, and its subscribers. */
export class LocalJob {
  readonly #subscriptions = new Set<Subscription>();
  readonly #abort = new AbortController();
  #made: (StoredImage | undefined)[];
  /** By image: runs that ended with an error, and autoregressive steps done. */
  readonly #failedTries: number[];
  readonly #steps: number[];
  readonly #acceptedMs: number;
  readonly #deadlineMs: number | undefined;
  #deadlineTimer: NodeJS.Timeout | undefined;
  readonly spec: JobSpec;
  record: JobRecord;
  /** The PNG that the job edits, until it is final. */
  canvas: Uint8Array | undefined;
  /** All of a completed job's, in order. */
  images: readonly StoredImage[] = [];

  constructor(
    { deadline_ms, ...job }: NewJob,
    readonly idempotencyKey: string | undefined,
    canvas: Uint8Array | undefined,
  ) {
    const acceptedAt = Date.now();
    this.#acceptedMs = monotonicMs();
    const deadline = deadline_ms === undefined ? {} : { deadline_at: acceptedAt + deadline_ms };
    const spec = { ...job, accepted_at: acceptedAt, ...deadline };
    this.#deadlineMs = deadline_ms === undefined ? undefined : this.#acceptedMs + deadline_ms;
    this.spec = spec;
    this.canvas = canvas;
    this.record = { spec, state: "queued", seq: 1, images: [] };
    this.#made = new Array(spec.num_images).fill(undefined);
    this.#failedTries = new Array(spec.num_images).fill(0);
    this.#steps = new Array(spec.num_images).fill(0);
  }

  get isFinal(): boolean {
    return isFinal(this.record.state);
  }

  /** Whether every image is made. */
  get isMade(): boolean {
    return this.#made.every((image) => image !== undefined);
  }

  get unmadeImages(): number {
    return this.#made.filter((image) => image === undefined).length;
  }

  /** Bytes of the images made so far. */
  get sizeBytes(): number {
    return this.#made.reduce((sum, image) => sum + (image?.bytes.byteLength ?? 0), 0);
  }

  get canvasBytes(): number {
    return this.canvas?.byteLength ?? 0;
  }

  /** One of its images was taken. */
  start(): void {
    if (this.record.state === "queued") this.#change({ state: "running", startedAt: Date.now() });
  }

  /** What the handler of one image gets. */
  context(imageIndex: number): ImageContext {
    return {
      acceptedMs: this.#acceptedMs,
      deadlineMs: this.#deadlineMs,
      signal: this.#abort.signal,
      progress: (step, of) => this.#progress(imageIndex, step, of),
      wantsPreview: () => !this.isFinal && [...this.#subscriptions].some((one) => one.wantsPreviews),
      preview: (preview) => {
        if (!this.isFinal) for (const subscription of this.#subscriptions) subscription.preview(preview);
      },
    };
  }

  /** Keeps an image until all are made; returns false for one that comes after the job's end. */
  store(imageIndex: number, image: StoredImage): boolean {
    if (this.isFinal) return false;
    this.#made[imageIndex] = image;
    return true;
  }

  /** Counts a run of the image that ended with an error; returns whether it gets another. */
  mayTryAgain(imageIndex: number): boolean {
    return ++this.#failedTries[imageIndex]! < MAX_TRIES;
  }

  /** Makes the job final, once and for all, and aborts its handlers. */
  end(end: JobEnd, expiresAt: number): void {
    clearTimeout(this.#deadlineTimer);
    if (end.state === "completed") this.images = this.#made as StoredImage[];
    this.#made = [];
    this.canvas = undefined;
    const images = this.images.map(({ width, height, timing }) => ({ width, height, timing }));
    this.#change({ ...end, images, finishedAt: Date.now(), expiresAt });
    this.#abort.abort();
  }

  /** Calls back when the job's deadline passes before it is final. */
  onDeadline(callback: () => void): void {
    if (this.#deadlineMs === undefined) return;
    const leftMs = this.#deadlineMs - monotonicMs();
    // Set again rather than trusted: a timer may fire a millisecond early, and has a maximum delay.
    if (leftMs <= 0) callback();
    else this.#deadlineTimer = setTimeout(() => this.onDeadline(callback), Math.min(leftMs, MAX_TIMER_MS));
  }

  /** Reports the job's changes to the listener, `present()` being its record, until the returned function is called. */
  subscribe(listener: JobListener, present = () => this.record): () => void {
    const subscription = new Subscription(listener, present);
    this.#subscriptions.add(subscription);
    return () => {
      subscription.close();
      this.#subscriptions.delete(subscription);
    };
  }

  /** Resolves when the job is final, after `timeoutMs`, or when `signal` aborts. */
  async wait(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.isFinal || signal?.aborted || timeoutMs <= 0) return;
    let unsubscribe = () => {};
    const ended = new Promise<void>((resolve) => {
      unsubscribe = this.subscribe({ onChange: ({ state }) => isFinal(state) && resolve() });
    });
    await waitUntil(ended, timeoutMs, signal);
    unsubscribe();
  }

  /** An image that runs again does not reset the job's progress. */
  #progress(imageIndex: number, step: number, of: number): void {
    if (this.isFinal || step <= this.#steps[imageIndex]!) return;
    this.#steps[imageIndex] = step;
    const done = this.#steps.reduce((sum, steps) => sum + steps, 0);
    this.#change({ progress: { step: done, of: of * this.spec.num_images } });
  }

  #change(changes: Partial<JobRecord>): void {
    const { progress, ...record } = { ...this.record, ...changes, seq: this.record.seq + 1 };
    this.record = {
      ...record,
      ...(progress && { progress: shownProgress(record.state, progress.step, progress.of) }),
    };
    for (const subscription of this.#subscriptions) subscription.changed();
  }
}
