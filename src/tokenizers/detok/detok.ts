import { conv } from "../../model/graph/autoencoder-blocks.js";
import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { linear, RowZeroPoints } from "../../model/graph/linear.js";
import { reshape } from "../../model/graph/ops.js";
import { toPixels } from "../../model/graph/pixels.js";
import type { DetokTokenizer } from "../../model/tokenizer-architecture.js";
import type { DecodeOptions, Tokenizer } from "../tokenizer.js";
import { type Grid, visionTransformer } from "./vision-transformer.js";

const DECODER = "tokenizer.decoder";
const ENCODER = "tokenizer.encoder";
const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** l-DeTok (Yang et al., arXiv 2507.15856): models/detok.py of the official code. A latent's token is a patch of the image. */
export const detok: Tokenizer<DetokTokenizer> = {
  /** to_uint8_numpy of the official utils/train_utils.py. */
  pixelRounding: "truncated",

  decodeBytes({ decoder, ...t }) {
    const tokens = t.latent_height * t.latent_width;
    const block = tokens * (4 * decoder.width + 3 * decoder.mlp_width) + decoder.heads * tokens ** 2;
    return BYTES * (block + 4 * 3 * t.image_height * t.image_width);
  },

  buildDecode(t, weights, options) {
    const g = GraphBuilder.model("decode", weights);
    const latents = g.input("latents", "float32", ["images", t.latent_channels, t.latent_height, t.latent_width]);
    const tokens = denormalized(g, t, channelsLast(g, latents, t.latent_channels));
    const rows = reshape(g, tokens, g.ints([-1, t.latent_channels])); // [images * L, C]
    const zeroPoints = new RowZeroPoints(g, rows);
    const embedded = linear(g, rows, `${DECODER}.decoder_embed`, zeroPoints);
    const hidden = visionTransformer(g, DECODER, t.decoder, gridOf(t), { rows: embedded, zeroPoints }, options);
    const image = imageOf(g, t, hidden);
    outputImage(g, t, image, options);
    if (options.expose) g.output("denormalized", tokens, "float32", ["images", "tokens", t.latent_channels]);
    return g.encode();
  },

  /** Latents are the mean of the posterior, normalised. */
  buildEncode(t, weights, options) {
    const g = GraphBuilder.model("encode", weights);
    const { width } = t.encoder!;
    const image = g.input("image", "float32", ["images", 3, t.image_height, t.image_width]);
    const rows = reshape(g, channelsLast(g, patchEmbedded(g, t, image), width), g.ints([-1, width]));
    const zeroPoints = new RowZeroPoints(g, rows);
    const hidden = visionTransformer(g, ENCODER, t.encoder!, gridOf(t), { rows, zeroPoints }, options);
    const moments = tokensOf(g, t, linear(g, hidden, `${ENCODER}.latent_head`, zeroPoints), 2 * t.latent_channels);
    const [mean] = g.split("Split", [moments], 2, { attributes: { axis: { int: 2 }, num_outputs: { int: 2 } } });
    g.output("latents", channelsFirst(g, t, normalized(g, t, mean!)), "float32", [
      "images",
      t.latent_channels,
      t.latent_height,
      t.latent_width,
    ]);
    if (options.expose) g.output("moments", moments, "float32", ["images", "tokens", 2 * t.latent_channels]);
    return g.encode();
  },
};

function gridOf(t: DetokTokenizer): Grid {
  return { rows: t.latent_height, columns: t.latent_width };
}

/** Tokens as the decoder takes them, z std + mean. [images, L, C] */
function denormalized(g: GraphBuilder, t: DetokTokenizer, z: Value): Value {
  const { mean, std } = statistics(g, t);
  return g.node("Add", [g.node("Mul", [z, std]), mean]);
}

/** The other way, (z - mean) / std. [images, L, C] */
function normalized(g: GraphBuilder, t: DetokTokenizer, z: Value): Value {
  const { mean, std } = statistics(g, t);
  return g.node("Div", [g.node("Sub", [z, mean]), std]);
}

function statistics(g: GraphBuilder, t: DetokTokenizer) {
  return {
    mean: g.floats("latent mean", Float32Array.from(t.latent_mean)),
    std: g.floats("latent std", Float32Array.from(t.latent_std)),
  };
}

/** [images, C, h, w] -> [images, h * w, C] */
function channelsLast(g: GraphBuilder, x: Value, channels: number): Value {
  const flat = g.node("Reshape", [x, g.ints([0, channels, -1])]);
  return g.node("Transpose", [flat], { attributes: { perm: { ints: [0, 2, 1] } } });
}

/** [images, h * w, C] -> [images, C, h, w] */
function channelsFirst(g: GraphBuilder, t: DetokTokenizer, x: Value): Value {
  const transposed = g.node("Transpose", [x], { attributes: { perm: { ints: [0, 2, 1] } } });
  return g.node("Reshape", [transposed, g.ints([0, t.latent_channels, t.latent_height, t.latent_width])]);
}

/** [images * L, channels] -> [images, L, channels] */
function tokensOf(g: GraphBuilder, t: DetokTokenizer, rows: Value, channels: number): Value {
  return reshape(g, rows, g.ints([-1, t.latent_height * t.latent_width, channels]));
}

/** A convolution whose stride is its kernel. [images, 3, H, W] -> [images, width, h, w] */
function patchEmbedded(g: GraphBuilder, t: DetokTokenizer, image: Value): Value {
  const side = patchSide(t);
  const name = `${ENCODER}.patch_embed.0`;
  return g.node("Conv", [image, g.weight(`${name}.weight`), g.weight(`${name}.bias`)], {
    attributes: { kernel_shape: { ints: [side, side] }, strides: { ints: [side, side] } },
  });
}

/** Each token's outputs are a patch's pixels, (p, q, c); a convolution smooths the whole. [images * L, width] -> [images, 3, H, W] */
function imageOf(g: GraphBuilder, t: DetokTokenizer, rows: Value): Value {
  const side = patchSide(t);
  const name = `${DECODER}.ffn.1`;
  const weight = reshape(g, g.weight(`${name}.weight`), g.ints([3 * side ** 2, t.decoder.width]));
  const patches = g.node("Gemm", [rows, weight, g.weight(`${name}.bias`)], { attributes: { transB: { int: 1 } } });
  const grid = reshape(g, patches, g.ints([-1, t.latent_height, t.latent_width, side, side, 3]));
  const placed = g.node("Transpose", [grid], { attributes: { perm: { ints: [0, 5, 1, 3, 2, 4] } } });
  return conv(g, reshape(g, placed, g.ints([-1, 3, t.image_height, t.image_width])), `${DECODER}.conv_out`, 3);
}

function patchSide(t: DetokTokenizer): number {
  return t.image_height / t.latent_height;
}

function outputImage(g: GraphBuilder, t: DetokTokenizer, image: Value, options: DecodeOptions): void {
  g.output("pixels", toPixels(g, image, options.rounding), "uint8", ["images", t.image_height, t.image_width, 3]);
  if (options.expose) g.output("image", image, "float32", ["images", 3, t.image_height, t.image_width]);
}
