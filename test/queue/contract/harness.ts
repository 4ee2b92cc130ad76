import type { JobError, JobRecord, NewJob, StoredImage } from "../../../src/job.js";
import type { ImageContext, ImageTask, JobQueue, JobSource, SubmitResult } from "../../../src/queue/queue.js";
import { EXAMPLE_EDIT, exampleImageOf, exampleJob } from "../example-job.js";

export interface QueueLimits {
  readonly maxQueuedImages: number;
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
  readonly maxCanvasBytes: number;
}

/** One queue as both sides see it. Several adapters made by one test must not see each other's jobs. */
export interface QueueUnderTest {
  readonly queue: JobQueue;
  readonly source: JobSource;
  close(): Promise<void>;
}

export type MakeQueue = (limits: QueueLimits) => Promise<QueueUnderTest>;

/** An image that the test's worker has taken; it ends when the test says so. */
export interface TakenImage extends ImageTask {
  readonly context: ImageContext;
  complete(image?: StoredImage): void;
  fail(error: unknown): void;
}

export const USER_CANCELLED: JobError = { code: "job_cancelled", detail: "The client asked for it." };
/** Longer than anything that the tests wait for. */
export const LONG_MS = 20_000;

/** A queue with a worker whose images the test holds. */
export class Bench {
  /** Every image handed out, in that order. */
  readonly taken: TakenImage[] = [];
  /** Most images that were held at once. */
  mostHeld = 0;
  #held = 0;
  readonly #checks = new Set<() => void>();

  private constructor(private readonly under: QueueUnderTest) {}

  /** A queue without a worker yet. */
  static async make(makeQueue: MakeQueue, limits: Partial<QueueLimits> = {}): Promise<Bench> {
    const all = { maxQueuedImages: 100, resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9, ...limits };
    return new Bench(await makeQueue(all));
  }

  get queue(): JobQueue {
    return this.under.queue;
  }

  get source(): JobSource {
    return this.under.source;
  }

  /** Lets go of all images that are held: the queue is not to wait for them. */
  async close(): Promise<void> {
    const closed = this.under.close();
    for (const image of this.taken) image.fail(new Error("The test is over."));
    await closed;
  }

  async start(maxImages: number, models: readonly string[]): Promise<this> {
    await this.source.start(models, maxImages, (task, context) => this.#hold(task, context));
    return this;
  }

  /** Submits a job with an id of the queue's. */
  submit(fields: Partial<NewJob> = {}, idempotency?: { key: string; bodyHash: string }): Promise<SubmitResult> {
    return this.queue.submit(exampleJob({ id: this.queue.newId(), ...fields }), idempotency);
  }

  /** Submits a job that edits this canvas. */
  submitEdit(canvas: Uint8Array, fields: Partial<NewJob> = {}): Promise<SubmitResult> {
    const job = exampleJob({ id: this.queue.newId(), edit: EXAMPLE_EDIT, ...fields });
    return this.queue.submit(job, undefined, undefined, canvas);
  }

  /** Submits a job that must be accepted. */
  async accept(fields: Partial<NewJob> = {}): Promise<JobRecord> {
    return accepted(await this.submit(fields));
  }

  /** Resolves with all images taken once they are at least `count`. */
  takes(count: number): Promise<TakenImage[]> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.taken.length < count) return;
        this.#checks.delete(check);
        resolve(this.taken);
      };
      this.#checks.add(check);
      check();
    });
  }

  /** Completes the images from the `first` taken on, one after another, until `count` are done; returns them. */
  async drain(count: number, first = 0): Promise<TakenImage[]> {
    for (let index = first; index < first + count; index++) (await this.takes(index + 1))[index]!.complete();
    return this.taken.slice(first, first + count);
  }

  async record(id: string): Promise<JobRecord> {
    const result = await this.queue.get(id);
    if (result.kind !== "found") throw new Error(`The job is ${result.kind}.`);
    return result.record;
  }

  async final(id: string): Promise<JobRecord | undefined> {
    return this.queue.wait(id, LONG_MS);
  }

  /** The first record that fits, from now on. */
  next(id: string, fits: (record: JobRecord) => boolean): Promise<JobRecord> {
    return new Promise((resolve) => {
      const leave = this.queue.subscribe(id, {
        onChange(record) {
          if (!fits(record)) return;
          queueMicrotask(() => leave());
          resolve(record);
        },
      });
    });
  }

  #hold(task: ImageTask, context: ImageContext): Promise<StoredImage> {
    this.mostHeld = Math.max(this.mostHeld, ++this.#held);
    const image = new Promise<StoredImage>((resolve, reject) => {
      const complete = (own = exampleImageOf(task)) => resolve(own);
      this.taken.push({ ...task, context, complete, fail: reject });
    });
    for (const check of this.#checks) check();
    return image.finally(() => this.#held--);
  }
}

export type Open = (limits?: Partial<QueueLimits>, maxImages?: number, models?: readonly string[]) => Promise<Bench>;

export function accepted(result: SubmitResult): JobRecord {
  if (result.kind !== "accepted") throw new Error(`The job was not accepted: ${result.kind}`);
  return result.record;
}

export function aborted({ signal }: ImageContext): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
}
