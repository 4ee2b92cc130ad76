import type { Mistake } from "../mistake.js";

const DECODE = "model/graph/decode-graph.ts";
const ENCODE = "model/graph/encode-graph.ts";
const ENCODER = "engine/encoder.ts";
const BLOCKS = "model/graph/autoencoder-blocks.ts";
const NEAREST = 'mode: { string: "nearest" },';
const PIXELS = 'const rounded = g.node("Round", [g.node("Clip", [scaled, g.float(0), g.float(255)])]);';

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
    find: "function attentionBlock(g: GraphBuilder, t: TokenizerArchitecture, x: Value, name: string): Value {\n",
    replace:
      "function attentionBlock(g: GraphBuilder, t: TokenizerArchitecture, x: Value, name: string): Value {\n  if (name) return x;\n",
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
    file: DECODE,
    find: 'conv(g, scaled, "tokenizer.post_quant_conv", 1)',
    replace: 'g.node("Conv", [scaled, g.weight("tokenizer.post_quant_conv.weight")])',
    why: "post_quant_conv has a bias",
  },
  {
    name: "post-quant-left-out",
    file: DECODE,
    find: 'conv(g, scaled, "tokenizer.post_quant_conv", 1)',
    replace: "scaled",
    why: "post_quant_conv counts",
  },
  {
    name: "latent-scale-left-out",
    file: DECODE,
    find: 'const scaled = g.node("Div", [latents, g.float(t.scale)]);',
    replace: "const scaled = latents;",
    why: "image = decode(latents / scale)",
  },
  {
    name: "latent-scale-inverted",
    file: DECODE,
    find: 'g.node("Div", [latents, g.float(t.scale)])',
    replace: 'g.node("Mul", [latents, g.float(t.scale)])',
    why: "image = decode(latents / scale)",
  },
  {
    name: "group-norm-epsilon",
    file: BLOCKS,
    find: "epsilon: { float: t.norm_eps }",
    replace: "epsilon: { float: 1e-5 }",
    why: "GroupNorm's epsilon is 1e-6, PyTorch's default 1e-5",
  },
  {
    name: "tokenizer-epsilon-imported",
    file: "importer/architecture/tokenizer-tensors.ts",
    find: "TOKENIZER_NORM_EPS = 1e-6",
    replace: "TOKENIZER_NORM_EPS = 1e-5",
    why: "no tensor tells the tokenizer's epsilon",
  },
  {
    name: "half-as-many-groups",
    file: "importer/architecture/tokenizer-tensors.ts",
    find: "NORM_GROUPS = 32",
    replace: "NORM_GROUPS = 16",
    why: "no tensor tells the number of groups",
  },
  {
    name: "shortcut-left-out",
    file: BLOCKS,
    find: 'return g.node("Add", [shortcut, h]);',
    replace: "return h;",
    why: "a residual block adds its input",
  },
  {
    name: "upsampling-shifted",
    file: DECODE,
    find: 'nearest_mode: { string: "floor" }',
    replace: 'nearest_mode: { string: "ceil" }',
    why: "pixels 2i and 2i + 1 come from pixel i",
  },
  {
    name: "upsampling-linear",
    file: DECODE,
    find: NEAREST,
    replace: 'mode: { string: "linear" },',
    why: "upsampling repeats pixels",
  },
  {
    name: "pixels-half-up",
    file: DECODE,
    find: PIXELS,
    replace:
      'const rounded = g.node("Floor", [g.node("Add", [g.node("Clip", [scaled, g.float(0), g.float(255)]), g.float(0.5)])]);',
    why: "a pixel halfway between two bytes becomes the even one",
  },
  {
    name: "pixels-truncated",
    file: DECODE,
    find: PIXELS,
    replace: 'const rounded = g.node("Clip", [scaled, g.float(0), g.float(255)]);',
    why: "pixels are rounded before they become bytes",
  },
  {
    name: "pixels-not-clipped",
    file: DECODE,
    find: PIXELS,
    replace: 'const rounded = g.node("Round", [scaled]);',
    why: "bytes wrap around where colours are out of range",
  },
  {
    name: "pixels-transposed",
    file: DECODE,
    find: "perm: { ints: [0, 2, 3, 1] } } });\n}",
    replace: "perm: { ints: [0, 3, 2, 1] } } });\n}",
    why: "bytes go row by row",
  },
  {
    name: "downsampling-padded-on-all-sides",
    file: ENCODE,
    find: "pads: { ints: [0, 0, 1, 1] }",
    replace: "pads: { ints: [1, 1, 1, 1] }",
    why: "the encoder pads to the right and below only",
  },
  {
    name: "downsampling-padded-left-and-above",
    file: ENCODE,
    find: "pads: { ints: [0, 0, 1, 1] }",
    replace: "pads: { ints: [1, 1, 0, 0] }",
    why: "the encoder pads to the right and below only",
  },
  {
    name: "log-variance-for-mean",
    file: ENCODE,
    find: "const [mean] = g.split(",
    replace: "const [, mean] = g.split(",
    why: "the mean is the first half of the moments",
  },
  {
    name: "quant-conv-left-out",
    file: ENCODE,
    find: 'const moments = conv(g, h, "tokenizer.quant_conv", 1);',
    replace: "const moments = h;",
    why: "the moments are quant_conv's",
  },
  {
    name: "latents-not-scaled",
    file: ENCODE,
    find: 'g.node("Mul", [mean!, g.float(t.scale)])',
    replace: "mean!",
    why: "the generator's latents are the tokenizer's times the scale",
  },
  {
    name: "latents-divided-by-the-scale",
    file: ENCODE,
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
