import type { JobError, JobRecord, JobSpec, StoredImage } from "../../job.js";
import type { GetResult, Idempotency, JobHandler, JobQueue, JobSource, QueueStats, SubmitResult } from "../queue.js";
import { JobFailure } from "../queue.js";
import { FinishRate } from "./finish-rate.js";
import { KeptResults } from "./kept-results.js";
import { LocalJob } from "./local-job.js";
import { WaitingLine } from "./waiting-line.js";

export interface LocalQueueOptions {
  /** Images that may wait, over all models. */
  readonly maxQueuedImages: number;
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
}

/** What waits and runs for one model. */
interface ModelQueue {
  readonly line: WaitingLine;
  runningImages: number;
}

interface Worker {
  readonly maxImages: number;
  readonly handler: JobHandler;
}

const LATE: JobError = { code: "deadline_exceeded", detail: "The job's deadline passed while it waited in the queue." };
const SHUTTING_DOWN: JobError = { code: "shutting_down", detail: "The server shut down before the job was done." };
const UNEXPECTED: JobError = { code: "internal", detail: "The job ended with an error that was not foreseen." };

/** The queue inside this process: everything is in memory, and forgotten at exit. */
export class LocalQueue implements JobQueue, JobSource {
  readonly #options: LocalQueueOptions;
  readonly #jobs = new Map<string, LocalJob>();
  readonly #idempotent = new Map<string, { readonly bodyHash: string; readonly id: string }>();
  readonly #models = new Map<string, ModelQueue>();
  readonly #kept: KeptResults;
  readonly #rate = new FinishRate();
  readonly #unfinished = new Set<LocalJob>();
  #worker: Worker | undefined;
  #accepting = false;
  #waitingImages = 0;

  constructor(options: LocalQueueOptions) {
    this.#options = options;
    this.#kept = new KeptResults(options.resultTtlMs, options.maxResultBytes, (id) => this.#forget(id));
  }

  async submit(spec: JobSpec, idempotency?: Idempotency): Promise<SubmitResult> {
    this.#kept.expire();
    const earlier = idempotency && this.#idempotent.get(idempotency.key);
    if (earlier) {
      if (earlier.bodyHash !== idempotency.bodyHash) return { kind: "conflict" };
      return { kind: "existing", record: this.#view(this.#jobs.get(earlier.id)!) };
    }
    const model = this.#models.get(spec.model);
    if (!model || !this.#accepting) return { kind: "no_worker" };
    const surplus = this.#waitingImages + spec.num_images - this.#options.maxQueuedImages;
    if (surplus > 0) return { kind: "full", retryAfterS: this.#rate.secondsFor(surplus) };
    if (this.#jobs.has(spec.id)) throw new Error(`The job id ${spec.id} is taken.`);

    const job = new LocalJob(spec, idempotency?.key);
    this.#jobs.set(spec.id, job);
    this.#unfinished.add(job);
    if (idempotency) this.#idempotent.set(idempotency.key, { bodyHash: idempotency.bodyHash, id: spec.id });
    model.line.add(spec);
    this.#waitingImages += spec.num_images;
    job.onDeadline(() => this.#end(job, "failed", [], LATE));
    this.#takeJobs(model);
    return { kind: "accepted", record: this.#view(job) };
  }

  async get(id: string): Promise<GetResult> {
    const job = this.#find(id);
    if (job) return { kind: "found", record: this.#view(job) };
    return { kind: this.#kept.isExpired(id) ? "expired" : "unknown" };
  }

  async image(id: string, index: number): Promise<StoredImage | undefined> {
    return this.#find(id)?.images[index];
  }

  async cancel(id: string, reason: JobError): Promise<GetResult> {
    const job = this.#find(id);
    if (job) this.#end(job, "cancelled", [], reason);
    return this.get(id);
  }

  async wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined> {
    const job = this.#find(id);
    if (!job) return undefined;
    await job.wait(timeoutMs, signal);
    return this.#view(job);
  }

  subscribe(id: string, onChange: (record: JobRecord) => void): () => void {
    const job = this.#find(id);
    return job ? job.listen(() => onChange(this.#view(job))) : () => {};
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

  async start(models: readonly string[], maxImages: number, handler: JobHandler): Promise<void> {
    if (this.#worker) throw new Error("The local queue serves one worker, once.");
    this.#worker = { maxImages, handler };
    this.#accepting = true;
    for (const name of models) this.#models.set(name, { line: new WaitingLine(), runningImages: 0 });
  }

  /**
   * Accepts no more jobs. There is nowhere to hand jobs back to, so those that wait still run until the grace ends;
   * what is left then is cancelled.
   */
  async stop(graceMs: number): Promise<void> {
    this.#accepting = false;
    const endAt = Date.now() + graceMs;
    for (const job of this.#unfinished) await job.wait(endAt - Date.now());
    for (const job of this.#unfinished) this.#end(job, "cancelled", [], SHUTTING_DOWN);
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

  #takeJobs(model: ModelQueue): void {
    while (model.runningImages < this.#worker!.maxImages) {
      const spec = model.line.take();
      if (!spec) return;
      this.#waitingImages -= spec.num_images;
      void this.#run(this.#jobs.get(spec.id)!, model);
    }
  }

  async #run(job: LocalJob, model: ModelQueue): Promise<void> {
    const { spec, signal } = job;
    model.runningImages += spec.num_images;
    job.start();
    const progress = (step: number, of: number) => {
      if (!job.isFinal) job.change({ progress: { step, of } });
    };
    try {
      const images = await this.#worker!.handler(spec, { signal, progress });
      if (images.length !== spec.num_images) throw new Error("The handler returned another number of images.");
      this.#end(job, "completed", images);
    } catch (error) {
      this.#end(job, "failed", [], error instanceof JobFailure ? error.error : UNEXPECTED);
    }
    model.runningImages -= spec.num_images;
    this.#takeJobs(model);
  }

  /** Makes a job final unless it is; frees its place in the line, keeps what it made. */
  #end(job: LocalJob, state: "completed" | "failed" | "cancelled", images: readonly StoredImage[], error?: JobError) {
    if (job.isFinal) return;
    const { spec } = job;
    if (job.record.state === "queued") {
      this.#models.get(spec.model)!.line.remove(spec);
      this.#waitingImages -= spec.num_images;
    }
    this.#unfinished.delete(job);
    if (state === "completed") this.#rate.record(spec.num_images);
    const sizeBytes = images.reduce((sum, image) => sum + image.bytes.byteLength, 0);
    const expiresAt = this.#kept.keep(spec.id, sizeBytes);
    const pictures = images.map(({ width, height, timing }) => ({ width, height, timing }));
    const result = { state, finishedAt: Date.now(), expiresAt, images: pictures };
    job.end(error ? { ...result, error } : result, images);
  }
}
