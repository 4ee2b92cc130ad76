import { decodeBytes, decodeLatents, encodeImage, inputLatents, latentShape } from "../../model/graph/autoencoder.js";
import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { ELEMENT_TYPES } from "../../model/graph/onnx.js";
import { gather } from "../../model/graph/ops.js";
import type { WeightIndex } from "../../model/graph/weights.js";
import type { VqTokenizer } from "../../model/tokenizer-architecture.js";
import type { DecodeOptions, Tokenizer } from "../tokenizer.js";

const CODEBOOK = "tokenizer.quantize.embedding.weight"; // [K, C']

/**
 * Latent diffusion's autoencoder with a codebook (VQ-16), Esser et al., arXiv 2012.09841, and LlamaGen's, Sun et al., arXiv 2406.06525. Generators make its latents before
 * quantization, times the scale; decoding takes each to the nearest code first.
 */
export const vq: Tokenizer<VqTokenizer> = {
  decodeBytes: (t) => decodeBytes(t) + Float32Array.BYTES_PER_ELEMENT * t.codes * t.latent_height * t.latent_width,

  buildDecode(t, weights, options) {
    const g = GraphBuilder.model("decode", weights, options);
    const codebook = readCodebook(g, t);
    const indices = nearestCodes(g, codebook, g.node("Div", [inputLatents(g, t), g.float(t.scale)]));
    if (options.expose) outputIndices(g, t, indices);
    decodeLatents(g, t, codesAt(g, codebook, indices), options);
    return g.encode();
  },

  buildEncode(t, weights, options) {
    const g = GraphBuilder.model("encode", weights, options);
    const latents = encodeImage(g, t, options);
    g.output("latents", g.node("Mul", [latents, g.float(t.scale)]), "float32", latentShape(t, t.latent_channels));
    if (options.expose) {
      const codebook = readCodebook(g, t);
      const indices = nearestCodes(g, codebook, latents);
      outputIndices(g, t, indices);
      g.output("quantized", codesAt(g, codebook, indices), "float32", latentShape(t, t.latent_channels));
    }
    return g.encode();
  },
};

/** `decode` of a generator that makes codes: their numbers [images, 1, h, w] -> pixels [images, H, W, 3], uint8. A token that is not sampled yet, -1, is zero. */
export function buildDecodeCodes(t: VqTokenizer, weights: WeightIndex, options: DecodeOptions): Uint8Array {
  const g = GraphBuilder.model("decode", weights, options);
  const numbers = g.input("latents", "float32", latentShape(t, 1));
  const isKnown = g.node("Cast", [g.node("GreaterOrEqual", [numbers, g.float(0)])], {
    attributes: { to: { int: ELEMENT_TYPES.float32 } },
  });
  const indices = g.node("Cast", [g.node("Relu", [g.node("Squeeze", [numbers, g.ints([1])])])], {
    attributes: { to: { int: ELEMENT_TYPES.int64 } },
  });
  decodeLatents(g, t, g.node("Mul", [codesAt(g, readCodebook(g, t), indices), isKnown]), options);
  return g.encode();
}

/** [K, C'], of unit length where the reference normalises codes. */
function readCodebook(g: GraphBuilder, t: VqTokenizer): Value {
  const codebook = g.weight(CODEBOOK);
  return t.l2_norm ? g.node("LpNormalization", [codebook]) : codebook;
}

/**
 * The index of the code that has the least squared distance from each latent: [images, C', h, w] -> [images, h, w]. |z|² is the
 * same for all codes and left out; so is the length of z, which does not matter where all codes have one length. Of two codes at one distance the first counts, as PyTorch's argmin has it.
 */
function nearestCodes(g: GraphBuilder, codebook: Value, latents: Value): Value {
  const squares = g.node("ReduceSumSquare", [codebook, g.ints([1])], { attributes: { keepdims: { int: 0 } } });
  const kernel = g.node("Unsqueeze", [g.node("Mul", [codebook, g.float(-2)]), g.ints([2, 3])]); // [K, C', 1, 1]
  const distances = g.node("Conv", [latents, kernel, squares], { attributes: { kernel_shape: { ints: [1, 1] } } });
  return g.node("ArgMin", [distances], { attributes: { axis: { int: 1 }, keepdims: { int: 0 } } });
}

/** The codes of these indices: [images, h, w] -> [images, C', h, w]. */
function codesAt(g: GraphBuilder, codebook: Value, indices: Value): Value {
  const codes = gather(g, codebook, indices); // [images, h, w, C']
  return g.node("Transpose", [codes], { attributes: { perm: { ints: [0, 3, 1, 2] } } });
}

function outputIndices(g: GraphBuilder, t: VqTokenizer, indices: Value): void {
  g.output("indices", indices, "int64", ["images", t.latent_height, t.latent_width]);
}
