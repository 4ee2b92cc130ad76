import type { Logger } from "pino";
import type { JobError, JobSpec, StoredImage } from "../../job.js";
import { type ImageHandler, JobFailure, MAX_TRIES, WorkerUnfit } from "../queue.js";
import type { Tokens } from "../redis/leases.js";
import type { Scripts } from "../redis/scripts.js";
import type { ResultBounds } from "../redis/sweeper.js";
import { patiently } from "../redis-connection/retry.js";
import type { RunAlone } from "./exclusive-lock.js";
import type { RunningImage, RunningImages } from "./running-images.js";

const UNFORESEEN: JobError = {
  code: "generation_failed",
  detail: `The picture could not be made in ${MAX_TRIES} tries; the server's log says why.`,
};

/** What call-take.lua and call-finish.lua give a lane to do. */
type TaskReply = readonly [id: string, index: number, mustBeAlone: number, isWatched: number, spec: string] | null;

export interface LanesOptions extends ResultBounds {
  /** The worker's name in Redis. */
  readonly worker: string;
  readonly sendPreview: Parameters<RunningImages["context"]>[1];
}

/** The lanes of one model's queue: in each, one image after another is made for as long as there are any. */
export class Lanes {
  readonly #free: number[] = [];
  #count = 0;
  #isStopping = false;
  /** Tokens that others must get: this worker would only take them itself. */
  #owed = 0;

  constructor(
    private readonly queue: string,
    private readonly parts: {
      readonly scripts: Scripts;
      readonly tokens: Tokens;
      readonly running: RunningImages;
      readonly alone: RunAlone;
      readonly handler: ImageHandler;
      readonly logger: Logger;
    },
    private readonly options: LanesOptions,
    /** An operator paused this worker. */
    private readonly isPaused: () => boolean,
    /** Ends the patience with a Redis that is away. */
    private readonly giveUp: AbortSignal,
  ) {}

  /** No image is taken from here on. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Adds the tokens of images that were handed back and of those that came too late to be used. */
  async returnTokens(): Promise<void> {
    await this.parts.tokens.add(this.queue, this.#owed);
    this.#owed = 0;
  }

  /** What a token is worth: a lane that takes images until there are none, or until it is told to stop. */
  async run(): Promise<void> {
    if (this.#isStopping) {
      this.#owed++;
      return;
    }
    const number = this.#free.pop() ?? this.#count++;
    const lane = `${this.queue}/${number}`;
    try {
      let task = await this.#call("take", this.queue, this.options.worker, lane);
      while (task) task = await this.#make(lane, task);
    } finally {
      this.#free.push(number);
    }
  }

  /** Makes one image; resolves with the next one. */
  async #make(lane: string, task: NonNullable<TaskReply>): Promise<TaskReply> {
    const [id, index, isLoner, isWatched, specText] = task;
    const { alone, running } = this.parts;
    const mustBeAlone = isLoner === 1;
    const image = running.add(id, index);
    if (isWatched) running.interest.watched(id);
    const entered = this.#enter(lane, image, mustBeAlone);
    try {
      await entered;
      const made = await this.#handle(image, JSON.parse(specText) as JobSpec);
      if (made.ok) return await this.#finish(lane, image, made.stored);
      await this.#release(lane, image, made.error);
      return this.#mayGoOn() ? await this.#call("take", this.queue, this.options.worker, lane) : null;
    } finally {
      void entered.then(() => alone.leave(mustBeAlone));
      running.remove(image);
    }
  }

  /** Waits until the image may begin; if its worker dies meanwhile, that costs it no try. */
  async #enter(lane: string, { id, index }: RunningImage, mustBeAlone: boolean): Promise<void> {
    const { alone, scripts } = this.parts;
    const hold = (isHeld: 0 | 1) => scripts.call("hold", this.options.worker, lane, id, index, isHeld).catch(() => {});
    const waits = mustBeAlone || alone.isWanted;
    if (waits && !mustBeAlone) await hold(1);
    await alone.enter(mustBeAlone);
    if (waits) await hold(0);
  }

  async #handle(image: RunningImage, spec: JobSpec) {
    const { handler, running } = this.parts;
    try {
      image.abort.signal.throwIfAborted();
      const context = running.context(image, this.options.sendPreview);
      return { ok: true, stored: await handler({ spec, imageIndex: image.index }, context) } as const;
    } catch (error) {
      return { ok: false, error } as const;
    }
  }

  #finish(lane: string, image: RunningImage, { bytes, contentType, ...description }: StoredImage): Promise<TaskReply> {
    const { worker, resultTtlMs, maxResultBytes } = this.options;
    const goOn = this.#mayGoOn() ? 1 : 0;
    const described = JSON.stringify(description);
    const steps = image.step?.of ?? 0;
    const result = [image.id, image.index, Buffer.from(bytes), contentType, described, steps] as const;
    return this.#call("finish", this.queue, worker, lane, ...result, goOn, resultTtlMs, maxResultBytes);
  }

  /** Gives an image up: for good where its job failed, else back to the line. */
  async #release(lane: string, { id, index, abort }: RunningImage, error: unknown): Promise<void> {
    const { worker, resultTtlMs, maxResultBytes } = this.options;
    const failure = error instanceof JobFailure ? error.error : UNFORESEEN;
    const isNoTry = abort.signal.aborted || error instanceof WorkerUnfit;
    const counts = isNoTry ? "nothing" : error instanceof JobFailure ? "end" : "try";
    const bounds = [resultTtlMs, maxResultBytes] as const;
    const waits = await this.#call("release", worker, lane, id, index, counts, JSON.stringify(failure), ...bounds);
    if ((waits as unknown) !== 1) return;
    if (this.#isStopping) this.#owed++;
    else await this.parts.tokens.add(this.queue, 1);
  }

  /** Whether a lane may take another image by itself. */
  #mayGoOn(): boolean {
    return !this.#isStopping && !this.isPaused() && !this.parts.alone.isWanted;
  }

  #call(...call: Parameters<Scripts["call"]>): Promise<TaskReply> {
    const tell = (error: unknown) =>
      this.parts.logger.error({ err: error, queue: this.queue, call: call[0] }, "Redis did not do what it was asked.");
    return patiently(() => this.parts.scripts.call(...call), this.giveUp, tell) as Promise<TaskReply>;
  }
}
