import { setMaxListeners } from "node:events";
import { checkImageRequest } from "../model/check-parameters.js";
import { editMistake } from "../model/edit.js";
import type { Manifest } from "../model/manifest.js";
import type { ImageRequest } from "../model/parameters.js";
import { monotonicMs } from "../telemetry/monotonic-clock.js";
import type { BatchLimits, Ticket } from "./batch.js";
import { SPANS } from "./clock.js";
import {
  type Engine,
  EngineFailure,
  EngineFull,
  EngineLost,
  type EngineStats,
  type GeneratedImage,
  type GenerateOptions,
  ImageCancelled,
  ImageExpired,
  type StepWork,
} from "./engine.js";
import { PreviewRequests } from "./previews.js";
import type { FromThread } from "./protocol.js";
import { modelRefusal } from "./runtime/refusal.js";
import type { RuntimeSettings } from "./runtime/runtime.js";
import { SupervisedThread } from "./supervisor.js";

export interface EngineOptions extends BatchLimits, RuntimeSettings {
  /** The model's folder, and its manifest as read from there. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Images that may wait for a place in the batch; above, `generate` rejects with `EngineFull`. */
  readonly maxWaiting: number;
  /** Called with the reason whenever the engine's thread died or could not be started again. */
  readonly onTrouble?: (reason: string) => void;
  /** Called once when the thread can't be restarted, before the pending images reject with the same error. */
  readonly onLost?: (lost: EngineLost) => void;
  /** Called after each step. */
  readonly onWork?: (work: StepWork) => void;
}

/** Times that an image is run again because the thread died while it was in flight. */
const MAX_RERUNS = 2;
/** Starts that may fail in a row before the images that wait for the thread are given up. */
const MAX_FAILED_STARTS = 5;
/** How long cancelled images in flight may take to reach a boundary when the engine closes. */
const CANCEL_MS = 10_000;

/** Opens a model in a thread of its own and warms it up. Rejects with `EngineFailure`. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const refusal = modelRefusal(options.manifest, options.provider);
  if (refusal !== undefined) throw new EngineFailure(refusal);
  const engine = new ThreadedEngine(options);
  await engine.open();
  return engine;
}

/** What an image that left rejects with. */
const LEFT = {
  cancelled: ImageCancelled,
  expired: ImageExpired,
  failed: EngineFailure,
  not_finite: EngineFailure,
} as const;

/** An image that has neither finished nor left. */
interface Pending {
  readonly ticket: Ticket;
  readonly options: GenerateOptions;
  readonly previews: PreviewRequests;
  started: boolean;
  reruns: number;
  settle(end: GeneratedImage | Error): void;
}

class ThreadedEngine implements Engine {
  readonly model: string;
  readonly #thread: SupervisedThread;
  /** In the order in which they came. */
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #closing: Promise<void> | undefined;
  #lost: EngineLost | undefined;
  #onEmpty = () => {};

  constructor(private readonly options: EngineOptions) {
    const { folder, manifest, maxBatch, maxBatchDelayMs } = options;
    const { threads, provider = "cpu", cudaDevice = 0 } = options;
    this.model = manifest.name;
    this.#thread = new SupervisedThread(
      {
        folder,
        model: manifest,
        maxBatch,
        maxBatchDelayMs,
        runtime: { threads, provider, cudaDevice },
      },
      {
        message: (message) => this.#receive(message),
        up: () => this.#threadUp(),
        down: (reason, failedStarts) => this.#threadDown(reason, failedStarts),
      },
    );
  }

  async open(): Promise<void> {
    try {
      await this.#thread.open();
    } catch (error) {
      const { message } = error as EngineFailure;
      throw new EngineFailure(`The model ${this.model} in ${this.options.folder} can't be used: ${message}`);
    }
  }

  async generate(request: ImageRequest, options: GenerateOptions = {}): Promise<GeneratedImage> {
    this.#refuse(request, options);
    const { deadlineMs } = options;
    const ticket: Ticket = {
      id: this.#nextId++,
      request,
      submittedMs: monotonicMs(),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    };
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const onAbort = () => this.#cancel(ticket.id);
      // Many images may share a signal, and Node warns of a leak above ten listeners.
      if (signal) setMaxListeners(0, signal);
      signal?.addEventListener("abort", onAbort, { once: true });
      const settle = (end: GeneratedImage | Error) => {
        signal?.removeEventListener("abort", onAbort);
        this.#pending.delete(ticket.id);
        if (end instanceof Error) reject(end);
        else resolve(end);
        if (this.#pending.size === 0) this.#onEmpty();
      };
      const previews = new PreviewRequests(options);
      this.#pending.set(ticket.id, {
        ticket,
        options,
        previews,
        started: false,
        reruns: 0,
        settle,
      });
      this.#thread.post({ kind: "generate", ticket });
    });
  }

  stats(): EngineStats {
    let inFlight = 0;
    for (const image of this.#pending.values()) if (image.started) inFlight++;
    const { maxBatch, runMs } = this.#thread;
    return { inFlight, waiting: this.#pending.size - inFlight, maxBatch, runMs };
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#drain(graceMs);
    return this.#closing;
  }

  /** Throws if an image can't be accepted. */
  #refuse(request: ImageRequest, options: GenerateOptions): void {
    if (this.#closing) throw new EngineFailure("The engine is closing and takes no more images.");
    if (this.#lost) throw this.#lost;
    const faults = checkImageRequest(request, this.options.manifest.architecture);
    if (faults.length > 0)
      throw new EngineFailure(
        `The image can't be sampled: ${faults.map((fault) => `${fault.field} ${fault.message}`).join("; ")}.`,
      );
    const mistake = request.edit && editMistake(request.edit, this.options.manifest.architecture);
    if (mistake !== undefined) throw new EngineFailure(`The image can't be edited: ${mistake}.`);
    if (options.signal?.aborted) throw new ImageCancelled("The image was cancelled before it was submitted.");
    if (options.deadlineMs !== undefined && options.deadlineMs <= monotonicMs())
      throw new ImageExpired("The deadline had passed before the image was submitted.");
    const { maxBatch, maxWaiting } = this.options;
    if (this.#pending.size >= maxBatch + maxWaiting)
      throw new EngineFull(
        `The engine has ${maxBatch} images in its batch and ${maxWaiting} waiting; try again later.`,
      );
  }

  #cancel(id: number): void {
    if (this.#thread.ready) this.#thread.post({ kind: "cancel", id });
    else this.#pending.get(id)?.settle(new ImageCancelled("The image was cancelled while the engine was restarting."));
  }

  #receive(message: FromThread): void {
    if (message.kind === "started") {
      for (const id of message.ids) {
        const image = this.#pending.get(id);
        if (image) image.started = true;
      }
    } else if (message.kind === "worked") {
      this.options.onWork?.(message.work);
    } else if (message.kind === "stepped") {
      for (const { id, step, of } of message.steps) this.#stepped(id, step, of);
    } else if (message.kind === "previewed") {
      const { id, pixels, step, of } = message;
      this.#pending.get(id)?.previews.answer(monotonicMs(), pixels, step, of);
    } else if (message.kind === "finished") {
      const image = this.#pending.get(message.id);
      image?.settle(this.#finished(image, message));
    } else if (message.kind === "left") {
      const Reason = LEFT[message.reason];
      this.#pending.get(message.id)?.settle(new Reason(message.message));
    }
  }

  #stepped(id: number, step: number, of: number): void {
    const image = this.#pending.get(id);
    image?.options.onStep?.(step, of);
    // The last step is followed by the image itself.
    if (step < of && image?.previews.ask(monotonicMs())) this.#thread.post({ kind: "preview", id });
  }

  #finished(image: Pending, message: Extract<FromThread, { kind: "finished" }>): GeneratedImage {
    const { pixels, spans } = message;
    const { image_width: width, image_height: height } = this.options.manifest.architecture.tokenizer;
    const { submittedMs } = image.ticket;
    const finishedMs = submittedMs + SPANS.reduce((sum, span) => sum + spans[span], 0);
    return { pixels, width, height, timing: { submittedMs, finishedMs, ...spans } };
  }

  /** Results are functions of their requests, so every pending image simply runs again. */
  #threadUp(): void {
    for (const { ticket } of this.#pending.values()) this.#thread.post({ kind: "generate", ticket });
  }

  #threadDown(reason: string, failedStarts: number): void {
    this.options.onTrouble?.(reason);
    if (failedStarts >= MAX_FAILED_STARTS) this.#giveUp(failedStarts, reason);
    for (const image of [...this.#pending.values()]) {
      image.previews.lost();
      if (image.options.signal?.aborted) image.settle(new ImageCancelled("The image was cancelled."));
      else if (this.#lost) image.settle(this.#lost);
      else if (image.started && image.reruns === MAX_RERUNS)
        image.settle(new EngineFailure(`The engine died ${MAX_RERUNS + 1} times while it made this image: ${reason}`));
      else if (image.started) {
        image.started = false;
        image.reruns++;
      }
    }
  }

  #giveUp(failedStarts: number, reason: string): void {
    void this.#thread.close();
    this.#lost = new EngineLost(
      `The engine of ${this.model} can't be restarted; ${failedStarts} attempts failed: ${reason}`,
    );
    this.options.onLost?.(this.#lost);
  }

  async #drain(graceMs: number): Promise<void> {
    await this.#empty(graceMs);
    for (const id of [...this.#pending.keys()]) this.#cancel(id);
    await this.#empty(CANCEL_MS);
    await this.#thread.close();
    for (const image of [...this.#pending.values()])
      image.settle(new ImageCancelled("The engine closed before the image was done."));
  }

  /** Resolves once nothing is pending, or after `atMostMs`. */
  #empty(atMostMs: number): Promise<void> {
    if (this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, atMostMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
