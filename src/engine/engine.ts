import type { ImageRequest } from "../model/parameters.js";

/** Where an image's time went inside the engine. The five spans are disjoint and measured by their own clocks. */
export interface EngineTiming {
  /** Epoch milliseconds (with fraction) when the engine took the image in, and when its pixels were ready. */
  readonly submittedAt: number;
  readonly finishedAt: number;
  /** Before the first step, and while the engine worked for others between its steps (decoding their images). */
  readonly batchWaitMs: number;
  /** Wall time of the transformer part of its steps (the whole batch's). */
  readonly transformerMs: number;
  /** Wall time of the diffusion part of its steps, noise included. */
  readonly diffusionMs: number;
  readonly decodeMs: number;
  /** Mean number of images in flight over its steps. */
  readonly batchSize: number;
  /** Its share of its steps and decode: the sum of each span divided by the images that shared it. */
  readonly msPerImage: number;
}

export interface GeneratedImage {
  readonly pixels: Uint8Array; // [H, W, 3]
  readonly width: number;
  readonly height: number;
  readonly timing: EngineTiming;
}

export interface GenerateOptions {
  /** Aborted: the image leaves at the next step boundary and the promise rejects with `ImageCancelled`. */
  readonly signal?: AbortSignal;
  /** Epoch milliseconds; past it the image leaves at the next step boundary with `ImageExpired`. */
  readonly deadlineAt?: number;
  /** Called after each of the image's autoregressive steps. */
  readonly onStep?: (step: number, of: number) => void;
  /** Asked after each step: true to have the image decoded as it stands, as often as the batch can afford. */
  readonly wantsPreview?: () => boolean;
  /** A picture of the tokens so far; positions still unknown are latents of zero. */
  readonly onPreview?: (pixels: Uint8Array, step: number, of: number) => void; // [H, W, 3]
}

/** One autoregressive step of the whole batch: its images, and the wall time of its two parts. */
export interface StepWork {
  readonly images: number;
  readonly transformerMs: number;
  readonly diffusionMs: number;
}

export interface EngineStats {
  readonly inFlight: number;
  readonly waiting: number;
  readonly maxBatch: number;
  /** Milliseconds inside ONNX runs since the engine was opened. */
  readonly runMs: number;
}

/** One model behind a continuous batch. The handle lives on the event loop; the work in a thread of its own. */
export interface Engine {
  readonly model: string;
  /** Takes an image in at once, or rejects with `EngineFull` when its waiting room is full. */
  generate(image: ImageRequest, options?: GenerateOptions): Promise<GeneratedImage>;
  stats(): EngineStats;
  /** Stops taking images in; lets those in flight finish for at most `graceMs`, then cancels them. */
  close(graceMs: number): Promise<void>;
}

export class ImageCancelled extends Error {
  override readonly name = "ImageCancelled";
}
export class ImageExpired extends Error {
  override readonly name = "ImageExpired";
}
export class EngineFull extends Error {
  override readonly name = "EngineFull";
}
/** The thread died or a run threw: the message says which run and why. */
export class EngineFailure extends Error {
  override readonly name: string = "EngineFailure";
}
/** The thread can't be started again: whatever is asked of the engine fails, and none of it is the image's fault. */
export class EngineLost extends EngineFailure {
  override readonly name = "EngineLost";
}
