import { type Job, WaitingError } from "bullmq";
import type { Logger } from "pino";
import type { JobSpec, StoredImage } from "../../job.js";
import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import { type ImageHandler, JobFailure, OUT_OF_TRIES, WORKERS_DIED, WorkerUnfit } from "../queue.js";
import type { Leases } from "../redis/leases.js";
import type { Scripts } from "../redis/scripts.js";
import type { ResultBounds } from "../redis/sweeper.js";
import { retry } from "../redis-connection/retry.js";
import type { ExclusiveLock, LockMode } from "./exclusive-lock.js";
import type { ImageTimes, RunningImage, RunningImages } from "./running-images.js";

/** What `take` in worker-calls.lua returns. */
type TaskReply = readonly [
  id: string,
  index: number,
  what: "run" | "run_alone" | "given_up",
  isWatched: number,
  spec: string,
  /** By Redis. */
  now: string,
];

export interface LeasedImagesOptions extends ResultBounds {
  /** The worker's name in Redis. */
  readonly worker: string;
  readonly sendPreview: Parameters<RunningImages["context"]>[1];
}

/** Makes the images of one queue's leases. What a lease returns or throws is for those who look at BullMQ's board. */
export class LeasedImages {
  readonly #runs = new Map<string, Promise<string>>();

  constructor(
    private readonly queue: string,
    private readonly parts: {
      readonly scripts: Scripts;
      /** The canvas of an unfinished job. */
      readonly readCanvas: (id: string) => Promise<Uint8Array | null>;
      readonly leases: Leases;
      readonly running: RunningImages;
      readonly lock: ExclusiveLock;
      readonly handler: ImageHandler;
      readonly logger: Logger;
    },
    private readonly options: LeasedImagesOptions,
    /** Whether this worker takes no images now: it is paused or stops. */
    private readonly isHeld: () => boolean,
    /** The grace of a stopping worker is over: images are handed back, whether their handlers have let go or not. */
    private readonly graceOver: AbortSignal,
    /** Ends the retries of calls to a Redis that is away. */
    private readonly giveUp: AbortSignal,
  ) {}

  async run(lease: Job, token: string): Promise<string> {
    const id = lease.id!;
    const earlier = this.#runs.get(id);
    if (earlier) {
      // Its lock was lost while Redis was away, and here it is again: its image is still in the making.
      await earlier.catch(() => {});
      return "This worker has made the image under an earlier lock of the lease.";
    }
    const run = this.#run(lease, token);
    this.#runs.set(id, run);
    try {
      return await run;
    } finally {
      this.#runs.delete(id);
    }
  }

  async #run(lease: Job, token: string): Promise<string> {
    const { lock } = this.parts;
    let mode: LockMode = "shared";
    await lock.enter(mode);
    try {
      if (this.isHeld()) return await this.#returnLease(lease, token);
      const { worker, resultTtlMs, maxResultBytes } = this.options;
      const task = await this.#call("take", ...this.#names(lease), worker, resultTtlMs, maxResultBytes);
      if (!task) return "No image was waiting.";
      const [jobId, index, what, isWatched, specText, now] = task as TaskReply;
      const spec = JSON.parse(specText) as JobSpec;
      const times = timesOf(spec, Number(now));
      this.#describe(lease, spec, index);
      if (what === "given_up") throw new Error(WORKERS_DIED.detail);
      const { running, scripts } = this.parts;
      const image = running.add(jobId, index, times);
      try {
        if (isWatched) running.interest.watched(jobId);
        if (what === "run_alone") {
          lock.leave(mode);
          mode = "exclusive";
          await lock.enter(mode);
          await scripts.call("begin", ...this.#names(lease)).catch(() => {});
        }
        return await this.#make(image, spec, lease, token);
      } finally {
        running.remove(image);
      }
    } finally {
      lock.leave(mode);
    }
  }

  async #make(image: RunningImage, spec: JobSpec, lease: Job, token: string): Promise<string> {
    const { resultTtlMs, maxResultBytes } = this.options;
    let error: unknown;
    try {
      const { bytes, contentType, ...description } = await this.#handle(image, spec);
      const result = [image.id, image.index, Buffer.from(bytes), contentType, JSON.stringify(description)] as const;
      const steps = image.step?.of ?? 0;
      await this.#call("finish", this.queue, lease.id!, ...result, steps, resultTtlMs, maxResultBytes);
      return "The image is stored.";
    } catch (reason) {
      error = reason;
    }
    const isHandedBack = image.abort.signal.aborted || error instanceof WorkerUnfit;
    const why = isHandedBack ? "handed_back" : error instanceof JobFailure ? "failed" : "error";
    const failure = JSON.stringify(error instanceof JobFailure ? error.error : OUT_OF_TRIES);
    const run = [...this.#names(lease), image.id, image.index] as const;
    const waits = await this.#call("release", ...run, why, failure, resultTtlMs, maxResultBytes);
    if (isHandedBack) return waits ? await this.#returnLease(lease, token) : "The job ended before the image was made.";
    if (waits) await this.parts.leases.add(this.queue, 1);
    throw error;
  }

  async #handle(image: RunningImage, spec: JobSpec): Promise<StoredImage> {
    const { handler, running } = this.parts;
    const { signal } = image.abort;
    signal.throwIfAborted();
    const canvas = spec.edit && (await this.#canvas(image.id));
    const task = { spec, imageIndex: image.index, ...(canvas && { canvas }) };
    const made = handler(task, running.context(image, this.options.sendPreview));
    return await unlessAborted(made, this.graceOver);
  }

  async #canvas(id: string): Promise<Uint8Array> {
    const canvas = await this.#retry("canvas", () => this.parts.readCanvas(id));
    if (canvas) return canvas;
    throw new Error("The job has ended, or Redis has lost the image that it edits.");
  }

  /** Gives the lease back to BullMQ, first in line. */
  async #returnLease(lease: Job, token: string): Promise<never> {
    // Where its lock is lost, BullMQ has given it to another worker already.
    await lease.moveToWait(token).catch((error) => this.parts.logger.debug({ err: error }, "A lease was lost."));
    throw new WaitingError();
  }

  /** What the board shows of a lease. */
  #describe(lease: Job, spec: JobSpec, image: number): void {
    const { id: job, model, seed, caller, request_id, parameters } = spec;
    lease
      .updateData({ job, image, model, class: parameters.class, seed, caller, request_id })
      .catch((error) => this.parts.logger.debug({ err: error }, "A lease could not be described for the board."));
  }

  /** What the scripts know a lease's run by. */
  #names(lease: Job): [queue: string, lease: string, run: number] {
    return [this.queue, lease.id!, lease.attemptsStarted];
  }

  #call(...call: Parameters<Scripts["call"]>): Promise<unknown> {
    return this.#retry(call[0], () => this.parts.scripts.call(...call));
  }

  #retry<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const report = (error: unknown) =>
      this.parts.logger.error({ err: error, queue: this.queue, call: name }, "A call to Redis failed unexpectedly.");
    return retry(ask, this.giveUp, report);
  }
}

/** The job's times on this process's monotonic clock: `nowMs` is the present moment on the clock of Redis. */
function timesOf({ accepted_at, deadline_at }: JobSpec, nowMs: number): ImageTimes {
  const offsetMs = monotonicMs() - nowMs;
  return {
    acceptedMs: accepted_at + offsetMs,
    deadlineMs: deadline_at === undefined ? undefined : deadline_at + offsetMs,
  };
}

/** Settles as the promise does, or rejects as soon as the signal aborts. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
