import type { JobError, JobRecord, JobSpec, JobState, NewJob, Preview, Priority, StoredImage } from "../job.js";

/** Lets a repeated request find the job that its first try made. */
export interface Idempotency {
  /** The client's key, already scoped to the caller. */
  readonly key: string;
  /** Hash of the canonical request: the same key with another hash is a conflict. */
  readonly bodyHash: string;
}

/** How many images a caller may request. The step that accepts a job checks and counts them. */
export interface CallerLimits {
  /** Within any sixty seconds, counted when accepted. */
  readonly imagesPerMinute?: number;
  /** Waiting and running together. */
  readonly concurrentImages?: number;
}

/** What a caller has used of its limits, this job's images included where it was accepted. */
export interface Usage {
  readonly recentImages: number;
  /** Whole seconds until the oldest of the recent images no longer counts; 0 without recent images. */
  readonly resetS: number;
  readonly unfinishedImages: number;
}

export type SubmitResult =
  /** With the usage where limits were given. */
  | { readonly kind: "accepted"; readonly record: JobRecord; readonly usage?: Usage }
  /** The idempotency key was used before with the same body. */
  | { readonly kind: "existing"; readonly record: JobRecord }
  /** The idempotency key was used before with another body. */
  | { readonly kind: "conflict" }
  /** The job would break one of the caller's limits. */
  | {
      readonly kind: "over_limit";
      readonly limit: keyof CallerLimits;
      readonly retryAfterS: number;
      readonly usage: Usage;
    }
  /** Too many webhooks of the caller are pending. */
  | { readonly kind: "webhooks_backed_up" }
  /** The queue's cap in images is reached. */
  | { readonly kind: "full"; readonly retryAfterS: number }
  /** The canvases of unfinished jobs leave no room for this job's. */
  | { readonly kind: "canvases_full"; readonly retryAfterS: number }
  /** An operator drains the model's queue: accepted jobs are completed, new ones refused. */
  | { readonly kind: "draining" }
  /** No live worker serves the model. */
  | { readonly kind: "no_worker" };

export type GetResult =
  | { readonly kind: "found"; readonly record: JobRecord }
  | { readonly kind: "unknown" }
  /** The job was here, finished, and its time to live is over. */
  | { readonly kind: "expired" }
  /** The store behind the queue was emptied while the job was in it, or after it had expired. */
  | { readonly kind: "lost" };

/** A place in a caller's list of jobs, which are sorted by these two. */
export type ListPlace = Pick<JobSpec, "accepted_at" | "id">;

export interface ListQuery {
  /** Absent: jobs in every state. */
  readonly state?: JobState | undefined;
  /** Absent: from the newest on. */
  readonly after?: ListPlace | undefined;
  readonly limit: number;
}

export interface JobPage {
  readonly records: readonly JobRecord[];
  /** Whether older jobs follow. */
  readonly hasMore: boolean;
}

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
  /** Images that the worker makes now, of all models. */
  readonly running: number;
  readonly paused: boolean;
  /** Seconds that the worker's clock is ahead of the queue's; negative: behind. */
  readonly skew: number;
}

/** How a model's jobs ended, over all processes and for as long as the queue exists. Each job counts once. */
export interface JobTotals {
  readonly accepted: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Images that were stored, however their jobs ended. */
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
  /** Size of the finished jobs and their images. */
  readonly keptBytes: number;
  readonly models: readonly ModelStatus[];
}

/** Whether the queue can be reached now; if not, why, in a sentence for people. */
export type QueueHealth = { readonly reachable: true } | { readonly reachable: false; readonly reason: string };

/** The store behind the queue does not answer or refuses; every call of the port may reject with this error. */
export class QueueUnavailable extends Error {
  override readonly name = "QueueUnavailable";
}

/** Calls come in order and never overlap; a slow subscriber skips to the newest state. */
export interface JobListener {
  /** The job as it stands now; at once for the present record, then on every change, last of all the final one. */
  onChange(record: JobRecord): void;
  /** Where present, the job's images are decoded on their way, as often as the batch can afford. */
  onPreview?(preview: Preview): void;
}

/** One attempt to notify a job's `webhook_url` of the job's end. */
export interface Delivery {
  /** The job as it ended, even where the queue has forgotten it since. */
  readonly record: JobRecord;
  /** From 1. */
  readonly attempt: number;
}

/** Pending webhooks: each is there from the very step that ends its job until `end` is called. */
export interface WebhookOutbox {
  /** Takes up to `count` that are due. One that is neither ended nor postponed within `leaseMs` is due again. */
  take(count: number, leaseMs: number): Promise<readonly Delivery[]>;
  end(jobId: string): Promise<void>;
  /** The attempt counts unless it was `unused`. */
  postpone(jobId: string, delayMs: number, attempt: "used" | "unused"): Promise<void>;
}

/** The port as the API sees it. Adapters: local (in this process) and redis. */
export interface JobQueue {
  readonly webhooks: WebhookOutbox;
  /** A new job id that can't be guessed, and that `get` can distinguish from an id this queue never issued. */
  newId(): string;
  /** `canvas` is the PNG that the job edits (`Edit`); it is kept until the job ends. */
  submit(job: NewJob, idempotency?: Idempotency, limits?: CallerLimits, canvas?: Uint8Array): Promise<SubmitResult>;
  get(id: string): Promise<GetResult>;
  image(id: string, index: number): Promise<StoredImage | undefined>;
  /** The caller's jobs that are still here, the newest first; older than its newest `MAX_LISTED_JOBS`, they may be missing. */
  list(caller: string, query: ListQuery): Promise<JobPage>;
  /** Durable: whether waiting or running, the job ends cancelled unless it ended before. */
  cancel(id: string, reason: JobError): Promise<GetResult>;
  /** Forgets a job that has ended, with its images, as when its time is over. Another one stays. */
  delete(id: string): Promise<void>;
  /**
   * Resolves once the job is final, else with its current record after `timeoutMs` or when `signal` aborts; with undefined for
   * a job that is not here.
   */
  wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined>;
  /** Reports the job's changes until the returned function is called; nothing for a job that is not here. */
  subscribe(id: string, listener: JobListener): () => void;
  stats(): Promise<QueueStats>;
  /** More than `stats`, for people and their instruments. */
  status(): Promise<QueueStatus>;
  health(): QueueHealth;
  close(): Promise<void>;
}

/** The progress to show: a completed job has made all its steps, though the last were not reported one by one. */
export function shownProgress(state: JobRecord["state"], step: number, of: number): { step: number; of: number } {
  return { step: state === "completed" ? of : step, of };
}

/** How a job ends for those who follow it when it is in the queue no longer, though it had not ended. */
export function lostRecord({ position: _, ...last }: JobRecord): JobRecord {
  return { ...last, state: "failed", seq: last.seq + 1, finishedAt: Date.now(), error: JOB_LOST };
}

/** One image of a job. Workers take single images, so a large request neither starves others nor fills a batch. */
export interface ImageTask {
  readonly spec: JobSpec;
  readonly imageIndex: number;
  /** The PNG that the job edits; there whenever `spec.edit` is. */
  readonly canvas?: Uint8Array;
}

/**
 * What a worker does with one image. Rejecting with `JobFailure` fails its job with that error at once; any other
 * rejection, unless the signal aborted, counts as one of the image's `MAX_TRIES`. A worker that rejects with `WorkerUnfit`
 * stops taking images first: it would be handed the same ones again.
 */
export type ImageHandler = (task: ImageTask, context: ImageContext) => Promise<StoredImage>;

export interface ImageContext {
  /** When the job was accepted, in monotonic milliseconds of this process. */
  readonly acceptedMs: number;
  /** When the job's deadline passes, on the same clock; absent: never. */
  readonly deadlineMs?: number | undefined;
  /** Aborts when the job has ended (cancelled, failed) or the worker must hand the image back. */
  readonly signal: AbortSignal;
  progress(step: number, of: number): void;
  /** Whether somebody watches the job's previews now. */
  wantsPreview(): boolean;
  preview(preview: Preview): void;
}

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

// What every adapter keeps to. The Redis adapter's scripts get these values by their names (redis/scripts.ts).

/** Tries that an image gets before its job fails: a worker's death or an unexpected error ends one. */
export const MAX_TRIES = 3;
/** Share of the images that each level gets while images of all levels wait. */
export const PRIORITY_WEIGHTS: Readonly<Record<Priority, number>> = { high: 9, normal: 3, low: 1 };
/** Above this number of a caller's pending webhooks, its jobs with a webhook are refused. */
export const MAX_PENDING_WEBHOOKS = 1000;
/** Jobs of one caller that are listed. */
export const MAX_LISTED_JOBS = 1000;
/** Bytes that a finished job counts for besides its images: a generous estimate of its record and keys. */
export const RECORD_BYTES = 4096;
/** Window of `imagesPerMinute`. */
export const LIMIT_WINDOW_S = 60;
/** Window over which the rate of finished images is measured, to say when a refused client should come back. */
export const RATE_WINDOW_MS = 60_000;
export const MIN_RETRY_S = 1;
export const MAX_RETRY_S = 300;
/** The answer while no rate has been measured yet. */
export const UNMEASURED_RETRY_S = 5;

export const DEADLINE_PASSED: JobError = {
  code: "deadline_exceeded",
  detail: "The deadline passed before all images of the job were done.",
};
export const JOB_LOST: JobError = {
  code: "job_lost",
  detail: "The job is lost: the queue's Redis was emptied, or restarted with older data. Submit the job again.",
};
export const OUT_OF_TRIES: JobError = {
  code: "generation_failed",
  detail: `An image could not be made in ${MAX_TRIES} tries; the server's log says why.`,
};
export const WORKERS_DIED: JobError = {
  code: "generation_failed",
  detail: `The workers that made an image died ${MAX_TRIES} times.`,
};
