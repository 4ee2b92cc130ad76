import type { JobError, JobRecord, JobSpec, StoredImage } from "../job.js";

/** Lets a repeated request find the job that its first try made. */
export interface Idempotency {
  /** The client's key, already scoped to the caller. */
  readonly key: string;
  /** Hash of the canonical request: the same key with another hash is a conflict. */
  readonly bodyHash: string;
}

export type SubmitResult =
  | { readonly kind: "accepted"; readonly record: JobRecord }
  /** The idempotency key was used before with the same body. */
  | { readonly kind: "existing"; readonly record: JobRecord }
  /** The idempotency key was used before with another body. */
  | { readonly kind: "conflict" }
  /** The queue's cap in images is reached. */
  | { readonly kind: "full"; readonly retryAfterS: number }
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

/** The port as the API sees it. Adapters: local (in this process) and redis. */
export interface JobQueue {
  submit(spec: JobSpec, idempotency?: Idempotency): Promise<SubmitResult>;
  get(id: string): Promise<GetResult>;
  image(id: string, index: number): Promise<StoredImage | undefined>;
  /** Durable: whether waiting or running, the job ends cancelled unless it ended before. */
  cancel(id: string, reason: JobError): Promise<GetResult>;
  /** Resolves once the job is final, or with its record as it stands after `timeoutMs` or when `signal` aborts. */
  wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined>;
  /** Calls back on every change of the job until unsubscribed; the first call is its present record. */
  subscribe(id: string, onChange: (record: JobRecord) => void): () => void;
  stats(): Promise<QueueStats>;
  close(): Promise<void>;
}

/** What a worker does with one job. Rejecting with `JobFailure` fails the job with that error. */
export type JobHandler = (spec: JobSpec, context: JobContext) => Promise<readonly StoredImage[]>;

export interface JobContext {
  /** Aborts when the job is cancelled or the worker must hand it back. */
  readonly signal: AbortSignal;
  progress(step: number, of: number): void;
}

export class JobFailure extends Error {
  override readonly name = "JobFailure";
  constructor(readonly error: JobError) {
    super(error.detail);
  }
}

/** The port as a worker sees it. */
export interface JobSource {
  /** Starts taking jobs of these models: another one of a model while fewer than `maxImages` of its images run. */
  start(models: readonly string[], maxImages: number, handler: JobHandler): Promise<void>;
  /** Takes no more jobs; resolves once those taken have ended, or after `graceMs` with them cancelled or handed back. */
  stop(graceMs: number): Promise<void>;
}
