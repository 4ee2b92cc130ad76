import { familyOf } from "../families/families.js";
import { maskedTokens } from "../model/edit.js";
import type { Architecture } from "../model/manifest.js";
import type { ImageRequest } from "../model/parameters.js";
import { monotonicMs } from "../telemetry/monotonic-clock.js";
import { ImageClock, type MeasuredSpans, type Span } from "./clock.js";
import { ConsistencyDecoder } from "./consistency-decoder.js";
import { Decoder, type FinalDecoder } from "./decoder.js";
import { Encoder } from "./encoder.js";
import type { StepWork } from "./engine.js";
import type { ImageState, Sampler } from "./family.js";
import { PreviewBudget } from "./previews.js";
import type { Runtime } from "./runtime/runtime.js";
import { chunksBySize, type FailureReason, type StepRuns, stepRuns } from "./step-runs.js";

/** An image as it was handed to the engine. */
export interface Ticket {
  /** Unique for the engine's life. */
  readonly id: number;
  readonly request: ImageRequest;
  /** When the engine took the image, in monotonic milliseconds. */
  readonly submittedMs: number;
  /** When it leaves if it is not done, in monotonic milliseconds. */
  readonly deadlineMs?: number;
}

export type LeaveReason = "cancelled" | "expired" | FailureReason;

/** What a batch reports of its images. Each image ends with exactly one `finished` or `left`. */
export interface BatchEvents {
  started(ids: readonly number[]): void;
  /** After each step: the time that it took. */
  worked?(work: StepWork): void;
  /** After each step: every image that took one. */
  stepped(steps: readonly { readonly id: number; readonly step: number; readonly of: number }[]): void;
  /** An unfinished image as it stands. */
  previewed(id: number, pixels: Uint8Array, step: number, of: number): void;
  finished(id: number, pixels: Uint8Array, spans: MeasuredSpans): void;
  /** `message` is a sentence. */
  left(id: number, reason: LeaveReason, message: string): void;
}

export interface BatchLimits {
  /** Images in flight at once. */
  readonly maxBatch: number;
  /** How long an empty batch waits for more images before its first step. */
  readonly maxBatchDelayMs: number;
}

/** What the batch keeps of an image in flight, beside its family's state. */
interface Flight {
  readonly ticket: Ticket;
  readonly clock: ImageClock;
}

/** Continuous batching: images of any age, length and parameters take their steps together. */
export class ContinuousBatch {
  readonly #waiting: Ticket[] = [];
  /** The images in flight, in the order in which they came. An image that leaves, for whatever reason, leaves this map. */
  readonly #inFlight = new Map<ImageState, Flight>();
  readonly #sampler: Sampler;
  readonly #encoder: Encoder;
  /** The tokenizer's, which also makes the previews. */
  readonly #decoder: Decoder;
  /** What makes finished images, the fastest first. */
  readonly #finalDecoders: readonly FinalDecoder[];
  readonly #runs: StepRuns<ImageState>;
  readonly #previewBudget = new PreviewBudget();
  /** Ids of the images to preview, longest asked first. */
  readonly #previewsWanted = new Set<number>();

  /** `pause` runs between ONNX runs: the only time at which cancellations and new images can arrive. */
  constructor(
    runtime: Runtime,
    private readonly model: Architecture,
    private readonly limits: BatchLimits,
    private readonly events: BatchEvents,
    pause: () => Promise<void>,
  ) {
    this.#sampler = familyOf(model.generator).open(runtime, model.generator);
    this.#encoder = new Encoder(runtime, model.tokenizer);
    this.#decoder = new Decoder(runtime, model.tokenizer, model.generator.latent_channels);
    const consistency = model.decoder && new ConsistencyDecoder(runtime, model.tokenizer);
    this.#finalDecoders = [this.#decoder, ...(consistency ? [consistency] : [])];
    const fail: StepRuns<ImageState>["fail"] = (image, reason, message) => this.#leave(image, reason, message);
    this.#runs = stepRuns({ isInFlight: (image) => this.#inFlight.has(image), fail, pause });
  }

  submit(ticket: Ticket): void {
    this.#waiting.push(ticket);
  }

  /** A waiting image leaves at once, an image in flight at the next boundary. An unknown id has ended already. */
  cancel(id: number): void {
    const ticket = this.#waiting.find((one) => one.id === id);
    if (ticket) this.#turnAway(ticket, "cancelled", "The image was cancelled before its first step.");
    const image = this.#find(id);
    if (image) this.#leave(image, "cancelled", `The image was cancelled after ${progress(image)}.`);
  }

  /** Asks for a preview of an image in flight. It comes after one of the next steps, or not at all if there are none. */
  preview(id: number): void {
    this.#previewsWanted.add(id);
  }

  /** Milliseconds until `step` has something to do: 0 for now, Infinity while there are no images. */
  idleMs(): number {
    if (this.#inFlight.size > 0 || this.#waiting.length >= this.limits.maxBatch) return 0;
    const oldest = this.#waiting[0];
    if (!oldest) return Number.POSITIVE_INFINITY;
    return Math.max(0, oldest.submittedMs + this.limits.maxBatchDelayMs - monotonicMs());
  }

  /** Takes all images in flight one step further, and those that wait as far as there is room. */
  async step(): Promise<void> {
    this.#expire();
    await this.#encode(this.#admit());
    if (this.#inFlight.size === 0) return;
    await this.#runStages(); // the family's: of a MAR model, predict and denoise
    this.#advance();
    await this.#retire();
    await this.#preview();
  }

  #expire(): void {
    const nowMs = monotonicMs();
    const isLate = ({ deadlineMs }: Ticket) => deadlineMs !== undefined && deadlineMs <= nowMs;
    for (const ticket of this.#waiting.filter(isLate))
      this.#turnAway(ticket, "expired", "The deadline passed before the image's first step.");
    for (const [image, { ticket }] of this.#inFlight)
      if (isLate(ticket)) this.#leave(image, "expired", `The deadline passed after ${progress(image)}.`);
  }

  /** Returns the edits among the images that are new. */
  #admit(): ImageState[] {
    const started: number[] = [];
    const edits: ImageState[] = [];
    while (this.#waiting.length > 0 && this.#hasRoom()) {
      const ticket = this.#waiting.shift()!;
      try {
        const { request } = ticket;
        const { edit } = request;
        const image = this.#sampler.admit(request, edit && maskedTokens(edit.mask, this.model, edit.maskGrow));
        this.#inFlight.set(image, { ticket, clock: new ImageClock(ticket.submittedMs) });
        started.push(ticket.id);
        if (edit) edits.push(image);
      } catch (error) {
        this.events.left(ticket.id, "failed", error instanceof Error ? error.message : String(error));
      }
    }
    if (started.length > 0) this.events.started(started);
    return edits;
  }

  /** Encodes the images to edit, one by one. The others wait meanwhile, as their clocks say at the next step. */
  async #encode(edits: readonly ImageState[]): Promise<void> {
    for (const image of edits)
      await this.#runs.run([image], async () => {
        const { pixels } = this.#inFlight.get(image)!.ticket.request.edit!;
        await this.#timed("decodeMs", [image], async () => {
          this.#sampler.setKnownTokens!(image, await this.#encoder.encodePixels(pixels));
        });
      });
  }

  async #runStages(): Promise<void> {
    const work = { images: this.#inFlight.size, transformerMs: 0, diffusionMs: 0 };
    for (const { clock } of this.#inFlight.values()) clock.countStep(work.images);
    for (const stage of this.#sampler.stages) {
      const images = [...this.#inFlight.keys()];
      work[stage.span] += await this.#timed(stage.span, images, () => stage.run(images, this.#runs));
    }
    this.events.worked?.(work);
  }

  #advance(): void {
    const steps = [...this.#inFlight].map(([image, { ticket }]) => {
      this.#sampler.advance(image);
      return { id: ticket.id, step: image.step, of: image.steps };
    });
    if (steps.length > 0) this.events.stepped(steps);
  }

  /** Decodes the finished images. The others wait meanwhile, as their clocks say at the next step. */
  async #retire(): Promise<void> {
    for (const decoder of this.#finalDecoders) {
      const finished = [...this.#inFlight.keys()].filter(
        (image) => image.step === image.steps && this.#finalDecoderOf(image) === decoder,
      );
      for (const chunk of chunksBySize(finished, decoder.imageLimit, () => 1))
        await this.#runs.run(chunk, (images) => this.#decode(images, decoder));
    }
  }

  #finalDecoderOf(image: ImageState): FinalDecoder {
    const { decoder } = this.#inFlight.get(image)!.ticket.request.parameters;
    return decoder === "tokenizer" ? this.#decoder : this.#finalDecoders.at(-1)!;
  }

  async #decode(images: readonly ImageState[], decoder: FinalDecoder): Promise<void> {
    let pixels: readonly Uint8Array[] = [];
    await this.#timed("decodeMs", images, async () => {
      pixels = await decoder.decodeImages(images, this.#sampler, {
        requestOf: (image) => this.#inFlight.get(image)?.ticket.request,
        pause: () => this.#runs.pause(),
      });
    });
    images.forEach((image, i) => {
      const flight = this.#inFlight.get(image);
      if (!flight) return; // cancelled meanwhile
      this.#inFlight.delete(image);
      this.events.finished(flight.ticket.id, pixels[i]!, flight.clock.measured());
    });
  }

  /** Decodes unfinished images as they stand, as far as the budget goes. All wait meanwhile, as their clocks say then. */
  async #preview(): Promise<void> {
    const room = Math.min(this.#previewBudget.affordableImages(), this.#decoder.imageLimit);
    const images: ImageState[] = [];
    for (const id of this.#previewsWanted) {
      if (images.length === room) break;
      this.#previewsWanted.delete(id);
      const image = this.#find(id);
      if (image) images.push(image);
    }
    if (images.length === 0) return;
    const startMs = monotonicMs();
    // An image that can't be decoded has no preview. Whether it can be finished shows at its end.
    const pixels = await this.#decoder.decodeImages(images, this.#sampler).catch(() => []);
    this.#previewBudget.spent(monotonicMs() - startMs, images.length);
    images.forEach((image, i) => {
      const flight = this.#inFlight.get(image);
      if (flight && pixels[i]) this.events.previewed(flight.ticket.id, pixels[i], image.step, image.steps);
    });
    await this.#runs.pause();
  }

  #hasRoom(): boolean {
    if (this.#inFlight.size >= this.limits.maxBatch) return false;
    return this.#sampler.hasRoom?.([...this.#inFlight.keys()]) ?? true;
  }

  #find(id: number): ImageState | undefined {
    for (const [image, { ticket }] of this.#inFlight) if (ticket.id === id) return image;
    return undefined;
  }

  #turnAway(ticket: Ticket, reason: LeaveReason, message: string): void {
    this.#waiting.splice(this.#waiting.indexOf(ticket), 1);
    this.events.left(ticket.id, reason, message);
  }

  #leave(image: ImageState, reason: LeaveReason, message: string): void {
    const flight = this.#inFlight.get(image);
    if (!flight) return;
    this.#inFlight.delete(image);
    this.events.left(flight.ticket.id, reason, message);
  }

  /** Does work that these images share, and adds its time to their clocks. Returns the milliseconds. */
  async #timed(
    span: Exclude<Span, "batchWaitMs">,
    images: readonly ImageState[],
    work: () => Promise<void>,
  ): Promise<number> {
    const clocks = images.map((image) => this.#inFlight.get(image)!.clock);
    const startMs = monotonicMs();
    for (const clock of clocks) clock.waited(startMs);
    await work();
    const endMs = monotonicMs();
    for (const clock of clocks) clock.worked(span, endMs, images.length);
    this.#previewBudget.worked(endMs - startMs);
    return endMs - startMs;
  }
}

const progress = (image: ImageState) => `${image.step} of ${image.steps} steps`;
