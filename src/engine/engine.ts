import type { ImageRequest } from "../model/parameters.js";

/** Where an image's time went inside the engine. The four spans are disjoint; together they are the whole time. */
export interface EngineTiming {
  /** When the engine took the image, and when its pixels were ready, in monotonic milliseconds. */
  readonly submittedMs: number;
  readonly finishedMs: number;
  /** Before the first step, and between steps while the engine decoded other images, or encoded them. */
  readonly batchWaitMs: number;
  /** Transformer part of its steps: wall time of the whole batch. */
  readonly transformerMs: number;
  /** Diffusion part of its steps, including noise. */
  readonly diffusionMs: number;
  /** The tokenizer: from latents to pixels and, of an edit, from its image to latents before that. */
  readonly decodeMs: number;
  /** Mean number of images in flight over its steps. */
  readonly batchSize: number;
  /** Its share of its steps and its tokenizer's runs: each span divided by the number of images that shared it. */
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
  /** Monotonic milliseconds; past it the image leaves at the next step boundary with `ImageExpired`. */
  readonly deadlineMs?: number;
  /** Called after each of the image's steps. */
  readonly onStep?: (step: number, of: number) => void;
  /** Asked after each step: true to decode the image as it stands, as often as the batch can afford. */
  readonly wantsPreview?: () => boolean;
  /** The image as it stands; where it is not sampled yet, its latents are zero. */
  readonly onPreview?: (pixels: Uint8Array, step: number, of: number) => void; // [H, W, 3]
}

/** One step of the whole batch: its images, and the wall time of its parts. */
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
  /** Accepts an image at once, or rejects with `EngineFull` when too many images wait. */
  generate(image: ImageRequest, options?: GenerateOptions): Promise<GeneratedImage>;
  stats(): EngineStats;
  /** Accepts no more images; lets the accepted ones finish for at most `graceMs`, then cancels them. */
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
/** the thread can't be restarted: every request to the engine fails, and no image is at fault. */
export class EngineLost extends EngineFailure {
  override readonly name = "EngineLost";
}
