import { hostname } from "node:os";
import type { JobError, JobRecord, NewJob, StoredImage } from "../../job.js";
import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import { JobIds } from "../job-ids.js";
import {
  type CallerLimits,
  DEADLINE_PASSED,
  type GetResult,
  type Idempotency,
  type ImageHandler,
  type ImageTask,
  JobFailure,
  type JobListener,
  type JobPage,
  type JobQueue,
  type JobSource,
  type JobTotals,
  type ListPlace,
  type ListQuery,
  MAX_LISTED_JOBS,
  OUT_OF_TRIES,
  type QueueHealth,
  type QueueStats,
  type QueueStatus,
  type SubmitResult,
  WorkerUnfit,
} from "../queue.js";
import { FinishRate, LimitedCallers } from "./caller-limits.js";
import { KeptResults } from "./kept-results.js";
import { type JobEnd, LocalJob } from "./local-job.js";
import { WaitingLine } from "./waiting-line.js";
import { LocalWebhookOutbox } from "./webhook-outbox.js";

export interface LocalQueueOptions {
  /** Images that may wait, over all models. */
  readonly maxQueuedImages: number;
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
  /** Bytes of the canvases of all unfinished jobs. */
  readonly maxCanvasBytes: number;
}

/** What waits and runs for one model. */
interface ModelQueue {
  readonly line: WaitingLine;
  runningImages: number;
  readonly totals: { -readonly [K in keyof JobTotals]: number };
}

interface Worker {
  readonly maxImages: number;
  readonly handler: ImageHandler;
}

const SHUTTING_DOWN: JobError = { code: "shutting_down", detail: "The server shut down before the job was done." };

/** The queue inside this process: everything is in memory, and forgotten at exit. */
export class LocalQueue implements JobQueue, JobSource {
  readonly #options: LocalQueueOptions;
  readonly webhooks = new LocalWebhookOutbox();
  readonly #ids = new JobIds();
  readonly #jobs = new Map<string, LocalJob>();
  readonly #idempotent = new Map<string, { readonly bodyHash: string; readonly id: string }>();
  readonly #models = new Map<string, ModelQueue>();
  readonly #kept: KeptResults;
  readonly #rate = new FinishRate();
  readonly #callers = new LimitedCallers();

  readonly #unfinished = new Set<LocalJob>();
  #worker: Worker | undefined;
  #accepting = false;
  #waitingImages = 0;
  #canvasBytes = 0;

  constructor(options: LocalQueueOptions) {
    this.#options = options;
    this.#kept = new KeptResults(options.resultTtlMs, options.maxResultBytes, (id) => this.#forget(id));
  }

  newId(): string {
    return this.#ids.next();
  }

  async submit(
    spec: NewJob,
    idempotency?: Idempotency,
    limits?: CallerLimits,
    canvas?: Uint8Array,
  ): Promise<SubmitResult> {
    this.#kept.expire();
    const earlier = idempotency && this.#idempotent.get(idempotency.key);
    if (earlier) {
      if (earlier.bodyHash !== idempotency.bodyHash) return { kind: "conflict" };
      return { kind: "existing", record: this.#view(this.#jobs.get(earlier.id)!) };
    }
    const model = this.#models.get(spec.model);
    if (!model || !this.#accepting) return { kind: "no_worker" };
    const refusal = limits && this.#callers.refusal(callerOf(spec), spec.num_images, limits, this.#rate);
    if (refusal) return refusal;
    if (spec.webhook_url !== undefined && this.webhooks.isBackedUp(callerOf(spec)))
      return { kind: "webhooks_backed_up" };
    const surplus = this.#waitingImages + spec.num_images - this.#options.maxQueuedImages;
    if (surplus > 0) return { kind: "full", retryAfterS: this.#rate.secondsFor(surplus) };
    if (canvas && this.#canvasBytes + canvas.byteLength > this.#options.maxCanvasBytes)
      return { kind: "canvases_full", retryAfterS: this.#rate.secondsFor(spec.num_images) };
    if (this.#jobs.has(spec.id)) throw new Error(`The job id ${spec.id} is taken.`);

    const job = new LocalJob(spec, idempotency?.key, canvas);
    this.#jobs.set(spec.id, job);
    this.#unfinished.add(job);
    if (idempotency) this.#idempotent.set(idempotency.key, { bodyHash: idempotency.bodyHash, id: spec.id });
    model.line.add(job.spec);
    this.#callers.accepted(callerOf(spec), spec.num_images, limits ?? {});
    this.#waitingImages += spec.num_images;
    this.#canvasBytes += job.canvasBytes;
    model.totals.accepted++;
    job.onDeadline(() => this.#end(job, { state: "failed", error: DEADLINE_PASSED }));
    const usage = limits && { usage: this.#callers.usage(callerOf(spec)) };
    this.#takeImages(model);
    return { kind: "accepted", record: this.#view(job), ...usage };
  }

  async get(id: string): Promise<GetResult> {
    const job = this.#find(id);
    if (job) return { kind: "found", record: this.#view(job) };
    return { kind: this.#ids.isOwn(id) ? "expired" : "unknown" };
  }

  async image(id: string, index: number): Promise<StoredImage | undefined> {
    return this.#find(id)?.images[index];
  }

  async list(caller: string, { state, after, limit }: ListQuery): Promise<JobPage> {
    this.#kept.expire();
    const own = [...this.#jobs.values()].filter(({ spec }) => callerOf(spec) === caller);
    const listed = own.sort((a, b) => inList(a.spec, b.spec)).slice(0, MAX_LISTED_JOBS);
    const wanted = listed.filter(
      ({ spec, record }) => (!after || inList(after, spec) < 0) && (!state || record.state === state),
    );
    return { records: wanted.slice(0, limit).map((job) => this.#view(job)), hasMore: wanted.length > limit };
  }

  async delete(id: string): Promise<void> {
    this.#kept.drop(id);
  }

  async cancel(id: string, reason: JobError): Promise<GetResult> {
    const job = this.#find(id);
    if (job) this.#end(job, { state: "cancelled", error: reason });
    return this.get(id);
  }

  async wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined> {
    const job = this.#find(id);
    if (!job) return undefined;
    await job.wait(timeoutMs, signal);
    return this.#view(job);
  }

  subscribe(id: string, listener: JobListener): () => void {
    const job = this.#find(id);
    return job ? job.subscribe(listener, () => this.#view(job)) : () => {};
  }

  /** The queue is in the process that asks. */
  health(): QueueHealth {
    return { reachable: true };
  }

  async stats(): Promise<QueueStats> {
    let runningImages = 0;
    for (const model of this.#models.values()) runningImages += model.runningImages;
    return {
      waitingImages: this.#waitingImages,
      runningImages,
      maxQueuedImages: this.#options.maxQueuedImages,
      models: this.#accepting ? [...this.#models.keys()] : [],
    };
  }

  async status(): Promise<QueueStatus> {
    this.#kept.expire();
    const running = [...this.#models.values()].reduce((sum, { runningImages }) => sum + runningImages, 0);
    const worker = { id: "in this process", host: hostname(), pid: process.pid, running, paused: false, skew: 0 };
    return {
      maxQueuedImages: this.#options.maxQueuedImages,
      keptBytes: this.#kept.bytes,
      models: Array.from(this.#models, ([model, { line, runningImages, totals }]) => ({
        model,
        waiting: line.images,
        running: runningImages,
        paused: false,
        draining: false,
        totals: { ...totals },
        workers: this.#accepting ? [worker] : [],
      })),
    };
  }

  async start(models: readonly string[], maxImages: number, handler: ImageHandler): Promise<void> {
    if (this.#worker) throw new Error("The local queue serves one worker, once.");
    this.#worker = { maxImages, handler };
    this.#accepting = true;
    for (const name of models) {
      const totals = { accepted: 0, completed: 0, failed: 0, cancelled: 0, images: 0 };
      this.#models.set(name, { line: new WaitingLine(), runningImages: 0, totals });
    }
  }

  /**
   * Accepts no more jobs. There is nowhere to hand images back to, so those that wait still run until the grace ends;
   * what is left then is cancelled.
   */
  async stop(graceMs: number): Promise<void> {
    this.#accepting = false;
    const endMs = monotonicMs() + graceMs;
    for (const job of this.#unfinished) await job.wait(endMs - monotonicMs());
    for (const job of this.#unfinished) this.#end(job, { state: "cancelled", error: SHUTTING_DOWN });
  }

  async close(): Promise<void> {
    await this.stop(0);
    this.#kept.close();
  }

  #find(id: string): LocalJob | undefined {
    this.#kept.expire();
    return this.#jobs.get(id);
  }

  #forget(id: string): void {
    const key = this.#jobs.get(id)?.idempotencyKey;
    if (key !== undefined) this.#idempotent.delete(key);
    this.#jobs.delete(id);
  }

  #view(job: LocalJob): JobRecord {
    if (job.record.state !== "queued") return job.record;
    return { ...job.record, position: this.#models.get(job.spec.model)!.line.imagesAhead(job.spec) };
  }

  #takeImages(model: ModelQueue): void {
    while (model.runningImages < this.#worker!.maxImages) {
      const task = model.line.take();
      if (!task) return;
      this.#waitingImages--;
      void this.#run(task, this.#jobs.get(task.spec.id)!, model);
    }
  }

  async #run(task: ImageTask, job: LocalJob, model: ModelQueue): Promise<void> {
    const { imageIndex } = task;
    model.runningImages++;
    job.start();
    try {
      const { canvas } = job;
      const given = canvas ? { ...task, canvas } : task;
      const image = await this.#worker!.handler(given, job.context(imageIndex));
      this.#rate.record(1);
      if (job.store(imageIndex, image)) {
        model.totals.images++;
        this.#callers.done(callerOf(job.spec), 1);
      }
      if (job.isMade) this.#end(job, { state: "completed" });
    } catch (error) {
      this.#afterError(error, task, job, model);
    }
    model.runningImages--;
    this.#takeImages(model);
  }

  /** A `JobFailure` fails the job; anything else is tried again, as long as there is a worker. */
  #afterError(error: unknown, task: ImageTask, job: LocalJob, model: ModelQueue): void {
    if (job.isFinal) return;
    if (error instanceof JobFailure) this.#end(job, { state: "failed", error: error.error });
    else if (error instanceof WorkerUnfit) this.#end(job, { state: "cancelled", error: SHUTTING_DOWN });
    else if (!job.mayTryAgain(task.imageIndex)) this.#end(job, { state: "failed", error: OUT_OF_TRIES });
    else {
      model.line.requeue(task);
      this.#waitingImages++;
    }
  }

  /** Makes a job final unless it is already: takes its waiting images out of the line, keeps its stored ones. */
  #end(job: LocalJob, end: JobEnd): void {
    if (job.isFinal) return;
    const { id } = job.spec;
    const model = this.#models.get(job.spec.model)!;
    this.#waitingImages -= model.line.remove(job.spec);
    model.totals[end.state]++;
    this.#unfinished.delete(job);
    this.#callers.done(callerOf(job.spec), job.unmadeImages);
    this.#canvasBytes -= job.canvasBytes;
    job.end(end, this.#kept.keep(id, end.state === "completed" ? job.sizeBytes : 0));
    if (job.spec.webhook_url !== undefined) this.webhooks.add(job.record);
  }
}

/** The newest comes first; of jobs that were accepted at once, the one with the greater id. */
function inList(a: ListPlace, b: ListPlace): number {
  return b.accepted_at - a.accepted_at || Number(a.id < b.id) - Number(a.id > b.id);
}

function callerOf({ caller = "" }: NewJob): string {
  return caller;
}
