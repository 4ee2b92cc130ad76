/** Element types that a weight may be stored as. */
export type WeightType = "float32" | "float16" | "int8";

/**
 * Where a graph's initializer lies: external data of the ONNX file, row-major. A weight stored as float32 or float16 has
 * PyTorch's own shape; a linear layer's stored as int8 is transposed, [in, out], so that its rows are the product's
 * second operand as it stands, and has a scale per output beside it (`scalesOf`): w = scale * stored.
 */
export interface WeightLocation {
  /** File name relative to the ONNX file. */
  readonly location: string;
  readonly offset: number;
  readonly byteLength: number;
  /** As stored. */
  readonly shape: readonly number[];
  readonly type: WeightType;
}

/**
 * Weights by their checkpoint name: the generator's as they are (`encoder_blocks.0.attn.qkv.weight`), the
 * tokenizer's with the prefix `tokenizer.` (`tokenizer.decoder.conv_in.weight`), and what else those stored as int8 need.
 */
export type WeightIndex = ReadonlyMap<string, WeightLocation>;

/** Some of a weight's outputs: rows of its PyTorch shape. */
export interface OutputRows {
  readonly start: number;
  readonly count: number;
}

/** The name of a part of a weight. In the index it stands where an int8 weight is stored in parts, [in, count] each. */
export function partOf(weight: string, { start, count }: OutputRows): string {
  return `${weight}[${start}:${start + count}]`;
}

/** The name under which the scales of an int8 weight stand in the index: float32, [out]. */
export function scalesOf(weight: string): string {
  return `${weight}:scales`;
}

export interface GraphOptions {
  /** Also output what lies between (encoder, decoder, the head's network, the float image): for the parity check. */
  readonly expose?: boolean;
  /** For ONNX Runtime's WebGPU provider: attention is written in operators of its own. */
  readonly webgpu?: boolean;
  /** For the operators of kernels/: products of int8 weights, attention beside them, and a tokenizer's convolutions are ours. */
  readonly kernels?: boolean;
}
