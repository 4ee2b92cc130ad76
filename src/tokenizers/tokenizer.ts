import type { PixelRounding } from "../model/graph/pixels.js";
import type { GraphOptions, WeightIndex } from "../model/graph/weights.js";
import type { TokenizerArchitecture } from "../model/tokenizer-architecture.js";

/**
 * A kind of tokenizer: how latents become pixels and, for edits, pixels latents. It serves the latents of every family;
 * `src/tokenizers/tokenizers.ts` lists the kinds.
 */
export interface Tokenizer<Model extends TokenizerArchitecture = TokenizerArchitecture> {
  /** Where its reference turns the decoder's output into bytes otherwise than the generator's family does. */
  readonly pixelRounding?: PixelRounding;
  /** `decode`: latents [images, C', h, w] as the generator makes them -> pixels [images, H, W, 3], uint8. */
  buildDecode(model: Model, weights: WeightIndex, options: DecodeOptions): Uint8Array;
  /** `encode`, of a model that has the encoder: image [images, 3, H, W] in [-1, 1] -> latents [images, C', h, w]. */
  buildEncode(model: Model, weights: WeightIndex, options: GraphOptions): Uint8Array;
  /** Memory that a decode run's activations take for each image, in bytes: it bounds how many images share a run. */
  decodeBytes(model: Model): number;
}

export interface DecodeOptions extends GraphOptions {
  /** How the decoder's output becomes a byte, which is the generator's family's to say. */
  readonly rounding: PixelRounding;
}
