import type { Architecture } from "../model/manifest.js";
import { DiffusionSchedules } from "../model/sampler/schedules.js";
import { type Batching, computesFinished, staysWhole } from "./batching.js";
import { monotonicMs } from "./clock.js";
import { Decoder } from "./decoder.js";
import { Denoiser } from "./denoiser.js";
import type { StepWork } from "./engine.js";
import type { MeasuredSpans } from "./image-clock.js";
import { ImageInFlight, type Ticket } from "./image-in-flight.js";
import { chunksBySize, runIsolated } from "./isolation.js";
import { Predictor } from "./predictor.js";
import { PreviewBudget } from "./previews.js";
import type { Runtime } from "./runtime/runtime.js";

export type LeaveReason = "cancelled" | "expired" | "failed";

/** What the batch tells of its images. Each image ends with exactly one `finished` or `left`. */
export interface BatchEvents {
  started(ids: readonly number[]): void;
  /** After each step: what it took. */
  worked?(work: StepWork): void;
  /** After each step: every image that took one. */
  stepped(steps: readonly { readonly id: number; readonly step: number; readonly of: number }[]): void;
  /** A picture of the tokens so far, of an image that is still in flight. */
  previewed(id: number, pixels: Uint8Array, step: number, of: number): void;
  finished(id: number, pixels: Uint8Array, spans: MeasuredSpans): void;
  /** `message` is a sentence. */
  left(id: number, reason: LeaveReason, message: string): void;
}

export interface BatchLimits {
  /** Images in flight at once. */
  readonly maxBatch: number;
  /** How long an empty batch waits for company before its first step. */
  readonly maxBatchDelayMs: number;
  /** How images share steps; continuous where nothing is said. */
  readonly batching?: Batching;
}

/** Continuous batching: images of any age, length and parameters take their autoregressive steps together. */
export class ContinuousBatch {
  readonly #waiting: Ticket[] = [];
  #inFlight: ImageInFlight[] = [];
  readonly #schedules: DiffusionSchedules;
  readonly #predictor: Predictor;
  readonly #denoiser: Denoiser;
  readonly #decoder: Decoder;
  readonly #batching: Batching;
  readonly #previewBudget = new PreviewBudget();
  /** Ids of images that are to be shown as they stand, longest asked first. */
  readonly #previewsWanted = new Set<number>();

  /** `pause` runs between ONNX runs: the only time that cancellations and new images can arrive. */
  constructor(
    runtime: Runtime,
    private readonly model: Architecture,
    private readonly limits: BatchLimits,
    private readonly events: BatchEvents,
    private readonly pause: () => Promise<void>,
  ) {
    this.#batching = limits.batching ?? "continuous";
    this.#schedules = new DiffusionSchedules(model.generator.head.frequency_channels);
    this.#predictor = new Predictor(runtime, model.generator);
    this.#denoiser = new Denoiser(runtime, model.generator);
    this.#decoder = new Decoder(runtime, model);
  }

  submit(ticket: Ticket): void {
    this.#waiting.push(ticket);
  }

  /** A waiting image leaves at once, one in flight at the next boundary. An unknown id has ended already. */
  cancel(id: number): void {
    const index = this.#waiting.findIndex((ticket) => ticket.id === id);
    if (index >= 0) {
      this.#waiting.splice(index, 1);
      this.events.left(id, "cancelled", "The image was cancelled before its first step.");
    }
    const image = this.#inFlight.find((one) => one.ticket.id === id);
    if (image) this.#leave(image, "cancelled", `The image was cancelled after ${progress(image)}.`);
  }

  /** Asks for a preview of an image in flight: it comes after one of the next steps, or not at all if there is none. */
  preview(id: number): void {
    this.#previewsWanted.add(id);
  }

  /** Milliseconds until `step` has something to do: 0 for now, Infinity while there are no images. */
  idleMs(): number {
    if (this.#inFlight.length > 0 || this.#waiting.length >= this.limits.maxBatch) return 0;
    const oldest = this.#waiting[0];
    if (!oldest) return Number.POSITIVE_INFINITY;
    return Math.max(0, oldest.submittedMs + this.limits.maxBatchDelayMs - monotonicMs());
  }

  /** Admits waiting images while there is room, runs one autoregressive step for all in flight, retires the finished. */
  async step(): Promise<void> {
    this.#expire();
    this.#admit();
    const all = this.#inFlight;
    if (all.length === 0) return;
    const images = this.#unfinished();
    const startMs = monotonicMs();
    this.#read(images, (image, nowMs) => image.clock.waited(nowMs));
    const fail = (image: ImageInFlight, reason: string) => this.#leave(image, "failed", reason);

    await this.#predictor.run(computesFinished(this.#batching) ? all : images, this.pause, fail);
    const predictedMs = this.#read(images, (image, nowMs) => image.clock.worked("transformerMs", nowMs, images.length));
    await this.#denoiser.run(this.#unfinished(), this.pause, fail);
    const denoisedMs = this.#read(images, (image, nowMs) => image.clock.worked("diffusionMs", nowMs, images.length));
    const spans = { transformerMs: predictedMs - startMs, diffusionMs: denoisedMs - predictedMs };
    this.events.worked?.({ images: images.length, ...spans });

    this.#advance(images.length);
    await this.#retire();
    this.#previewBudget.worked(monotonicMs() - startMs);
    await this.#preview();
  }

  #admit(): void {
    if (staysWhole(this.#batching) && this.#inFlight.length > 0) return;
    const started: number[] = [];
    while (this.#inFlight.length < this.limits.maxBatch && this.#waiting.length > 0) {
      const ticket = this.#waiting.shift()!;
      try {
        this.#inFlight.push(new ImageInFlight(ticket, this.model.generator, this.#schedules));
        started.push(ticket.id);
      } catch (error) {
        this.events.left(ticket.id, "failed", error instanceof Error ? error.message : String(error));
      }
    }
    if (started.length > 0) this.events.started(started);
  }

  #expire(): void {
    const now = Date.now();
    const late = (ticket: Ticket) => ticket.deadlineAt !== undefined && ticket.deadlineAt <= now;
    for (const image of this.#live())
      if (late(image.ticket)) this.#leave(image, "expired", `The deadline passed after ${progress(image)}.`);
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      if (!late(this.#waiting[i]!)) continue;
      const [ticket] = this.#waiting.splice(i, 1);
      this.events.left(ticket!.id, "expired", "The deadline passed before the image's first step.");
    }
    this.#inFlight = this.#live();
  }

  #advance(inFlight: number): void {
    this.#inFlight = this.#live();
    const images = this.#unfinished();
    for (const image of images) {
      image.advance();
      image.clock.countStep(inFlight);
    }
    const steps = images.map((image) => ({
      id: image.ticket.id,
      step: image.step,
      of: image.parameters.steps,
    }));
    if (steps.length > 0) this.events.stepped(steps);
  }

  /** Decodes the finished images. The others wait meanwhile: their clocks say so at the next step. */
  async #retire(): Promise<void> {
    const finished = this.#inFlight.filter((image) => image.finished);
    if (staysWhole(this.#batching) && finished.length < this.#inFlight.length) return;
    for (const chunk of chunksBySize(finished, this.#decoder.imageLimit, () => 1)) {
      const live = chunk.filter((image) => !image.gone);
      if (live.length === 0) continue;
      await runIsolated(
        live,
        (images) => this.#decode(images),
        (image, reason) => this.#leave(image, "failed", reason),
      );
      await this.pause();
    }
    this.#inFlight = this.#live();
  }

  async #decode(images: readonly ImageInFlight[]): Promise<void> {
    const startMs = monotonicMs();
    for (const image of images) image.clock.waited(startMs);
    const pixels = await this.#decoder.decode(images);
    const endMs = monotonicMs();
    images.forEach((image, i) => {
      image.clock.worked("decodeMs", endMs, images.length);
      image.gone = true;
      this.events.finished(image.ticket.id, pixels[i]!, image.clock.measured());
    });
  }

  /** Decodes images as they stand, as far as the budget goes. All wait meanwhile, as their clocks say at the next step. */
  async #preview(): Promise<void> {
    const room = Math.min(this.#previewBudget.affordableImages(), this.#decoder.imageLimit);
    if (this.#previewsWanted.size === 0 || room === 0) return;
    const images: ImageInFlight[] = [];
    for (const id of this.#previewsWanted) {
      if (images.length === room) break;
      this.#previewsWanted.delete(id);
      const image = this.#inFlight.find((one) => one.ticket.id === id);
      if (image) images.push(image);
    }
    if (images.length === 0) return;
    const startMs = monotonicMs();
    // What can't be decoded has no preview; whether it has a picture shows at its end.
    const pixels = await this.#decoder.decode(images).catch(() => []);
    this.#previewBudget.spent(monotonicMs() - startMs, images.length);
    images.forEach(({ ticket, step, parameters }, i) => {
      if (pixels[i]) this.events.previewed(ticket.id, pixels[i], step, parameters.steps);
    });
    await this.pause();
    this.#inFlight = this.#live();
  }

  #leave(image: ImageInFlight, reason: LeaveReason, message: string): void {
    if (image.gone) return;
    image.gone = true;
    this.events.left(image.ticket.id, reason, message);
  }

  #live(): ImageInFlight[] {
    return this.#inFlight.filter((image) => !image.gone);
  }

  /** Those that have steps left: all in flight, unless finished images are held. */
  #unfinished(): ImageInFlight[] {
    return this.#inFlight.filter((image) => !image.gone && !image.finished);
  }

  /** One clock reading for these; returns it. */
  #read(images: readonly ImageInFlight[], record: (image: ImageInFlight, nowMs: number) => void): number {
    const nowMs = monotonicMs();
    for (const image of images) record(image, nowMs);
    return nowMs;
  }
}

const progress = (image: ImageInFlight) => `${image.step} of ${image.parameters.steps} steps`;
