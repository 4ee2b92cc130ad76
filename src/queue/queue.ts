import type { JobError, JobRecord, JobSpec, Preview, StoredImage } from "../job.js";

/** Lets a repeated request find the job that its first try made. */
export interface Idempotency {
  /** The client's key, already scoped to the caller. */
  readonly key: string;
  /** Hash of the canonical request: the same key with another hash is a conflict. */
  readonly bodyHash: string;
}

/** How many images a caller may ask for. It is checked and counted in the same step that takes a job in. */
export interface Allowance {
  /** Within any sixty seconds, counted when accepted. */
  readonly imagesPerMinute?: number;
  /** Waiting and running together. */
  readonly concurrentImages?: number;
}

/** What a caller has used of its allowance, this job's images included where it was accepted. */
export interface Usage {
  readonly recentImages: number;
  /** Whole seconds until the first of the recent images counts no more; 0 when there are none. */
  readonly resetS: number;
  readonly unfinishedImages: number;
}

export type SubmitResult =
  /** The usage is told where an allowance was given. */
  | { readonly kind: "accepted"; readonly record: JobRecord; readonly usage?: Usage }
  /** The idempotency key was used before with the same body. */
  | { readonly kind: "existing"; readonly record: JobRecord }
  /** The idempotency key was used before with another body. */
  | { readonly kind: "conflict" }
  /** The caller's allowance is used up. */
  | {
      readonly kind: "over_allowance";
      readonly limit: keyof Allowance;
      readonly retryAfterS: number;
      readonly usage: Usage;
    }
  /** So many ends of the caller's jobs wait to be told to its webhooks that no more are promised. */
  | { readonly kind: "webhooks_backed_up" }
  /** The queue's cap in images is reached. */
  | { readonly kind: "full"; readonly retryAfterS: number }
  /** An operator drains the model's queue: what was accepted is still made, nothing new is taken. */
  | { readonly kind: "draining" }
  /** No live worker serves the model. */
  | { readonly kind: "no_worker" };

export type GetResult =
  | { readonly kind: "found"; readonly record: JobRecord }
  | { readonly kind: "unknown" }
  /** It was here, finished, and its time to live is over. */
  | { readonly kind: "expired" };

export interface QueueStats {
  readonly waitingImages: number;
  readonly runningImages: number;
  readonly maxQueuedImages: number;
  /** Models that a live worker serves now. */
  readonly models: readonly string[];
}

/** A worker process that is alive. */
export interface WorkerStatus {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Images that it makes now, of all models. */
  readonly running: number;
  readonly paused: boolean;
}

/** What came of a model's jobs, over all processes and for as long as the queue remembers. Each counts once. */
export interface JobTotals {
  readonly accepted: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Images that were made and kept, whatever became of their jobs. */
  readonly images: number;
}

/** One model's queue, as an operator sees it. */
export interface ModelStatus {
  readonly model: string;
  /** Images. */
  readonly waiting: number;
  readonly running: number;
  readonly paused: boolean;
  readonly draining: boolean;
  readonly totals: JobTotals;
  readonly workers: readonly WorkerStatus[];
}

export interface QueueStatus {
  /** Images that may wait, over all models. */
  readonly maxQueuedImages: number;
  /** What finished jobs and their images take. */
  readonly keptBytes: number;
  readonly models: readonly ModelStatus[];
}

/** Whether the queue can be reached now; if not, why, in a sentence for people. */
export type QueueHealth = { readonly reachable: true } | { readonly reachable: false; readonly reason: string };

/** The store behind the queue does not answer, or refuses: any call of the port may reject with it. */
export class QueueUnavailable extends Error {
  override readonly name = "QueueUnavailable";
}

/** What a subscriber is told. Calls come in order and never overlap; a subscriber that is slow skips to the newest. */
export interface JobListener {
  /** The job as it stands now; at once for the present record, then on every change, last of all the final one. */
  onChange(record: JobRecord): void;
  /** Where present, the job's images are decoded on their way, as often as the batch can afford. */
  onPreview?(preview: Preview): void;
}

/** The end of a job whose `webhook_url` is to be told of it. */
export interface Delivery {
  /** The job as it ended; it is here though the queue may have forgotten the job. */
  readonly record: JobRecord;
  /** From 1. */
  readonly attempt: number;
}

/** Deliveries of one caller that may wait; above, its jobs with a webhook are refused. */
export const MAX_DELIVERIES_OF_CALLER = 1000;

/** Ends of jobs that are to be told: each from the very step that ends its job until it is said to be told. */
export interface DeliveryQueue {
  /** Takes up to `count` that are due. One that is neither ended nor postponed within `leaseMs` is due again. */
  take(count: number, leaseMs: number): Promise<readonly Delivery[]>;
  end(jobId: string): Promise<void>;
  /** The attempt counts unless it was `unused`. */
  postpone(jobId: string, delayMs: number, attempt: "used" | "unused"): Promise<void>;
}

/** The port as the API sees it. Adapters: local (in this process) and redis. */
export interface JobQueue {
  readonly deliveries: DeliveryQueue;
  /** An id for a new job that can't be guessed, and that `get` can tell from one this queue never gave out. */
  newId(): string;
  submit(spec: JobSpec, idempotency?: Idempotency, allowance?: Allowance): Promise<SubmitResult>;
  get(id: string): Promise<GetResult>;
  image(id: string, index: number): Promise<StoredImage | undefined>;
  /** Durable: whether waiting or running, the job ends cancelled unless it ended before. */
  cancel(id: string, reason: JobError): Promise<GetResult>;
  /** Resolves once the job is final, or with its record as it stands after `timeoutMs` or when `signal` aborts. */
  wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined>;
  /** Tells of the job until the returned function is called; nothing for a job that is not here. */
  subscribe(id: string, listener: JobListener): () => void;
  stats(): Promise<QueueStats>;
  /** More than `stats`, for people and their instruments. */
  status(): Promise<QueueStatus>;
  health(): QueueHealth;
  close(): Promise<void>;
}

/** One image of a job: what a worker takes at a time, so that a large request neither starves others nor fills a batch. */
export interface ImageTask {
  readonly spec: JobSpec;
  readonly imageIndex: number;
}

/**
 * What a worker does with one image. Rejecting with `JobFailure` fails its job with that error at once; any other
 * rejection, unless the signal aborted, counts as one of the image's `MAX_TRIES`. A worker that rejects with `WorkerUnfit`
 * stops taking images first: it would be handed the same ones again.
 */
export type ImageHandler = (task: ImageTask, context: ImageContext) => Promise<StoredImage>;

export interface ImageContext {
  /** Aborts when the job ended meanwhile (cancelled, failed) or the worker must hand the image back. */
  readonly signal: AbortSignal;
  progress(step: number, of: number): void;
  /** Whether somebody watches the job's previews now. */
  wantsPreview(): boolean;
  preview(preview: Preview): void;
}

/** Runs that an image gets before its job fails: a worker that dies or an error that nobody foresaw ends one. */
export const MAX_TRIES = 3;

export class JobFailure extends Error {
  override readonly name = "JobFailure";
  constructor(readonly error: JobError) {
    super(error.detail);
  }
}

/** A handler's error that is the worker's own fault: its image goes back to the queue, and no try is counted. */
export class WorkerUnfit extends Error {
  override readonly name = "WorkerUnfit";
}

/** The port as a worker sees it. */
export interface JobSource {
  /** Starts taking images of these models' jobs: at most `maxImages` of each model at a time. */
  start(models: readonly string[], maxImages: number, handler: ImageHandler): Promise<void>;
  /** Takes no more images; resolves once those taken have ended, or after `graceMs` with them cancelled or handed back. */
  stop(graceMs: number): Promise<void>;
  health(): QueueHealth;
  close(): Promise<void>;
}
