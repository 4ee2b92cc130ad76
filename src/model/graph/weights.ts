/** Where a graph's initializer lies: external data of the ONNX file, float32, row-major, in PyTorch's own layout. */
export interface WeightLocation {
  /** File name relative to the ONNX file. */
  readonly location: string;
  readonly offset: number;
  readonly byteLength: number;
  readonly shape: readonly number[];
}

/**
 * Weights by their checkpoint name: the generator's as they are (`encoder_blocks.0.attn.qkv.weight`), the
 * tokenizer's with the prefix `tokenizer.` (`tokenizer.decoder.conv_in.weight`).
 */
export type WeightIndex = ReadonlyMap<string, WeightLocation>;

export interface GraphOptions {
  /** Also output what lies between (encoder, decoder, the head's network, the float image): for the parity check. */
  readonly expose?: boolean;
}
