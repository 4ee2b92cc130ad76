import type { PixelRounding } from "../model/graph/pixels.js";
import type { GraphOptions, WeightIndex } from "../model/graph/weights.js";
import type { GeneratorArchitecture } from "../model/manifest.js";
import type { ImageRequest, SamplingParameters } from "../model/parameters.js";
import type { Span } from "./clock.js";
import type { GraphVariants, Runtime } from "./runtime/runtime.js";
import type { StepRuns } from "./step-runs.js";

/**
 * A family of models: all that is peculiar to one way of generating latents. The engine batches images of any family by
 * this interface alone; `src/families/families.ts` lists the families.
 */
export interface Family<Model extends GeneratorArchitecture = GeneratorArchitecture> {
  /** How the decoder's output becomes a byte: see `PixelRounding`. */
  readonly pixelRounding: PixelRounding;
  /** A short image that runs every graph with the most memory that an image takes. Sound weights give finite numbers. */
  warmUpParameters(model: Model): SamplingParameters;
  /** The family's graphs by name, as bytes of `.onnx` files over weights that stay where they are. */
  buildGraphs(model: Model, weights: WeightIndex, options: GraphOptions): Record<string, Uint8Array>;
  /** The graphs for ONNX Runtime's WebGPU provider, by name, with the same inputs and outputs; absent where no GPU runs the models. */
  buildWebgpuGraphs?(model: Model, weights: WeightIndex): GraphVariants;
  open(runtime: Runtime, model: Model): Sampler;
}

/**
 * One loaded model of a family. It turns a request into an image's state, and takes the states of all images in flight one
 * step further at a time, whatever their age, length and parameters.
 */
export interface Sampler<Image extends ImageState = ImageState> {
  /**
   * The image before its first step. Throws a sentence where the request can't be sampled. Of an edit, `masked` is [L], 1
   * where a token may be sampled again: the family chooses the share of them that `strength` asks for.
   */
  admit(request: ImageRequest, masked?: Uint8Array): Image;
  /**
   * Before an edit's first step: gives it the tokens that it does not sample, from its image's latents [C', h, w].
   * Absent: the family's models can't edit images, and have no encoder.
   */
  setKnownTokens?(image: Image, latents: Float32Array): void;
  /** Whether one more image may start a step with these; absent: always. The batch's limit holds as well. */
  hasRoom?(inFlight: readonly Image[]): boolean;
  /** The parts of a step, in their order. */
  readonly stages: readonly Stage<Image>[];
  /** Ends the image's step: what the stages sampled is known from now on. */
  advance(image: Image): void;
  /** Writes the image's latents as they stand, [C', h, w]; what is not sampled yet is zero, and of codes -1. */
  writeLatents(image: Image, latents: Float32Array, offset: number): void;
}

/** An image in flight. What a family keeps of it between steps is the family's own; the engine reads how far it is. */
export interface ImageState {
  /** Steps done, of `steps`; the image is finished when both are equal. */
  readonly step: number;
  readonly steps: number;
}

/** One part of a step. */
export interface Stage<Image> {
  /** The span of an image's timing that the part counts as. */
  readonly span: Exclude<Span, "batchWaitMs" | "decodeMs">;
  /** Runs it for these images, which are all in flight. What it writes into an image must be the same when repeated. */
  run(images: readonly Image[], runs: StepRuns<Image>): Promise<void>;
}
