import type { Mistake } from "../mistake.js";

const AUTOENCODER = "model/graph/autoencoder.ts";
const PIXEL_BYTES = "model/graph/pixels.ts";
const KL = "tokenizers/kl/kl.ts";
const ENCODER = "engine/encoder.ts";
const BLOCKS = "model/graph/autoencoder-blocks.ts";
const NEAREST = 'mode: { string: "nearest" },';
const PIXELS = 'return g.node("Round", [g.node("Clip", [scaled, g.float(0), g.float(255)])]);';

/** From latents to bytes, and from the bytes of an image to edit to latents. */
export const TOKENIZER_MISTAKES: readonly Mistake[] = [
  {
    name: "vae-attention-unscaled",
    file: BLOCKS,
    find: "g.float(channels ** -0.5)",
    replace: "g.float(1)",
    why: "scores are divided by the square root of the channels",
  },
  {
    name: "vae-attention-left-out",
    file: BLOCKS,
    find: "function attentionBlock(g: GraphBuilder, t: Norm, x: Value, name: string): Value {\n",
    replace:
      "function attentionBlock(g: GraphBuilder, t: Norm, x: Value, name: string): Value {\n  if (name) return x;\n",
    why: "there is attention between the two middle blocks",
  },
  {
    name: "vae-attention-not-transposed",
    file: BLOCKS,
    find: 'g.node("MatMul", [pixels("v"), g.node("Transpose", [weights], transposed)])',
    replace: 'g.node("MatMul", [pixels("v"), weights])',
    why: "weights are [queries, keys], and values mix over keys",
  },
  {
    name: "post-quant-bias-dropped",
    file: AUTOENCODER,
    find: 'conv(g, latents, "tokenizer.post_quant_conv", 1)',
    replace: 'g.node("Conv", [latents, g.weight("tokenizer.post_quant_conv.weight")])',
    why: "post_quant_conv has a bias",
  },
  {
    name: "post-quant-left-out",
    file: AUTOENCODER,
    find: 'conv(g, latents, "tokenizer.post_quant_conv", 1)',
    replace: "latents",
    why: "post_quant_conv counts",
  },
  {
    name: "latent-scale-left-out",
    file: KL,
    find: 'g.node("Div", [inputLatents(g, t), g.float(t.scale)])',
    replace: "inputLatents(g, t)",
    why: "image = decode(latents / scale)",
  },
  {
    name: "latent-scale-inverted",
    file: KL,
    find: 'g.node("Div", [inputLatents(g, t), g.float(t.scale)])',
    replace: 'g.node("Mul", [inputLatents(g, t), g.float(t.scale)])',
    why: "image = decode(latents / scale)",
  },
  {
    name: "group-norm-epsilon",
    file: BLOCKS,
    find: "attributes: { epsilon: { float: t.norm_eps } }",
    replace: "attributes: { epsilon: { float: 1e-5 } }",
    why: "GroupNorm's epsilon is 1e-6, PyTorch's default 1e-5",
  },
  {
    name: "tokenizer-epsilon-imported",
    file: "importer/tokenizers/autoencoder-tensors.ts",
    find: "const NORM_EPS = 1e-6;",
    replace: "const NORM_EPS = 1e-5;",
    why: "no tensor tells the tokenizer's epsilon",
  },
  {
    name: "half-as-many-groups",
    file: "importer/tokenizers/autoencoder-tensors.ts",
    find: "NORM_GROUPS = 32",
    replace: "NORM_GROUPS = 16",
    why: "no tensor tells the number of groups",
  },
  {
    name: "shortcut-left-out",
    file: BLOCKS,
    find: "conv2`, shortcut);",
    replace: "conv2`);",
    why: "a residual block adds its input",
  },
  {
    name: "upsampling-shifted",
    file: BLOCKS,
    find: 'nearest_mode: { string: "floor" }',
    replace: 'nearest_mode: { string: "ceil" }',
    why: "pixels 2i and 2i + 1 come from pixel i",
  },
  {
    name: "upsampling-linear",
    file: BLOCKS,
    find: NEAREST,
    replace: 'mode: { string: "linear" },',
    why: "upsampling repeats pixels",
  },
  {
    name: "pixels-half-up",
    file: PIXEL_BYTES,
    find: PIXELS,
    replace:
      'return g.node("Floor", [g.node("Add", [g.node("Clip", [scaled, g.float(0), g.float(255)]), g.float(0.5)])]);',
    why: "a pixel halfway between two bytes becomes the even one",
  },
  {
    name: "pixels-truncated",
    file: PIXEL_BYTES,
    find: PIXELS,
    replace: 'return g.node("Clip", [scaled, g.float(0), g.float(255)]);',
    why: "pixels are rounded before they become bytes",
  },
  {
    name: "pixels-not-clipped",
    file: PIXEL_BYTES,
    find: PIXELS,
    replace: 'return g.node("Round", [scaled]);',
    why: "bytes wrap around where colours are out of range",
  },
  {
    name: "pixels-transposed",
    file: PIXEL_BYTES,
    find: "perm: { ints: [0, 2, 3, 1] } } });\n}",
    replace: "perm: { ints: [0, 3, 2, 1] } } });\n}",
    why: "bytes go row by row",
  },
  {
    name: "downsampling-padded-on-all-sides",
    file: AUTOENCODER,
    find: "pads: { ints: [0, 0, 1, 1] }",
    replace: "pads: { ints: [1, 1, 1, 1] }",
    why: "the encoder pads to the right and below only",
  },
  {
    name: "downsampling-padded-left-and-above",
    file: AUTOENCODER,
    find: "pads: { ints: [0, 0, 1, 1] }",
    replace: "pads: { ints: [1, 1, 0, 0] }",
    why: "the encoder pads to the right and below only",
  },
  {
    name: "log-variance-for-mean",
    file: KL,
    find: "const [mean] = g.split(",
    replace: "const [, mean] = g.split(",
    why: "the mean is the first half of the moments",
  },
  {
    name: "quant-conv-left-out",
    file: AUTOENCODER,
    find: 'return conv(g, h, "tokenizer.quant_conv", 1);',
    replace: "return h;",
    why: "the moments are quant_conv's",
  },
  {
    name: "latents-not-scaled",
    file: KL,
    find: 'g.node("Mul", [mean!, g.float(t.scale)])',
    replace: "mean!",
    why: "the generator's latents are the tokenizer's times the scale",
  },
  {
    name: "latents-divided-by-the-scale",
    file: KL,
    find: 'g.node("Mul", [mean!, g.float(t.scale)])',
    replace: 'g.node("Div", [mean!, g.float(t.scale)])',
    why: "the decoder divides, the encoder multiplies",
  },
  {
    name: "image-in-0-to-1",
    file: ENCODER,
    find: "pixels[3 * p + channel]! / 127.5 - 1",
    replace: "pixels[3 * p + channel]! / 255",
    why: "the encoder was trained on images in [-1, 1]",
  },
  {
    name: "image-channels-last",
    file: ENCODER,
    find: "image[channel * plane + p] = pixels[3 * p + channel]!",
    replace: "image[3 * p + channel] = pixels[3 * p + channel]!",
    why: "the encoder takes planes of red, green and blue",
  },
];
