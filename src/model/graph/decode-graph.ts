import type { TokenizerArchitecture } from "../manifest.js";
import { GraphBuilder, type Value } from "./builder.js";
import { concat, silu, sizes } from "./ops.js";
import type { GraphOptions, WeightIndex } from "./weights.js";

const DECODER = "tokenizer.decoder";

/**
 * `decode`: latents [images, C', h, w] -> pixels [images, H, W, 3], uint8: the KL autoencoder's decoder of the
 * reference (models/vae.py), then round-half-even of clip(255 (x + 1) / 2, 0, 255).
 */
export function buildDecode(t: TokenizerArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const g = GraphBuilder.model("decode", weights);
  const latents = g.input("latents", "float32", ["images", t.latent_channels, t.latent_height, t.latent_width]);
  const scaled = g.node("Div", [latents, g.float(t.scale)]);
  let h = conv(g, conv(g, scaled, "tokenizer.post_quant_conv", 1), `${DECODER}.conv_in`, 3);
  h = residualBlock(g, t, h, `${DECODER}.mid.block_1`);
  h = attentionBlock(g, t, h, `${DECODER}.mid.attn_1`);
  h = residualBlock(g, t, h, `${DECODER}.mid.block_2`);
  for (const level of t.levels) h = upLevel(g, t, h, level);
  const image = conv(g, silu(g, groupNorm(g, t, h, `${DECODER}.norm_out`)), `${DECODER}.conv_out`, 3);
  g.output("pixels", toPixels(g, image), "uint8", ["images", t.image_height, t.image_width, 3]);
  if (options.expose) g.output("image", image, "float32", ["images", 3, t.image_height, t.image_width]);
  return g.encode();
}

function upLevel(
  g: GraphBuilder,
  t: TokenizerArchitecture,
  x: Value,
  level: TokenizerArchitecture["levels"][number],
): Value {
  const name = `${DECODER}.up.${level.index}`;
  let h = x;
  for (let i = 0; i < level.blocks; i++) {
    h = residualBlock(g, t, h, `${name}.block.${i}`);
    if (level.attention) h = attentionBlock(g, t, h, `${name}.attn.${i}`);
  }
  return level.upsample ? upsample(g, h, `${name}.upsample.conv`) : h;
}

function residualBlock(g: GraphBuilder, t: TokenizerArchitecture, x: Value, name: string): Value {
  let h = conv(g, silu(g, groupNorm(g, t, x, `${name}.norm1`)), `${name}.conv1`, 3);
  h = conv(g, silu(g, groupNorm(g, t, h, `${name}.norm2`)), `${name}.conv2`, 3);
  const shortcut = g.hasWeight(`${name}.nin_shortcut.weight`) ? conv(g, x, `${name}.nin_shortcut`, 1) : x;
  return g.node("Add", [shortcut, h]);
}

/** One head over all latent pixels, scaled by 1 / sqrt(channels). [images, c, h, w] -> the same */
function attentionBlock(g: GraphBuilder, t: TokenizerArchitecture, x: Value, name: string): Value {
  const normed = groupNorm(g, t, x, `${name}.norm`);
  const channels = g.weightShape(`${name}.q.weight`)[0] as number;
  const pixels = (part: string) =>
    g.node("Reshape", [conv(g, normed, `${name}.${part}`, 1), g.ints([0, channels, -1])]);
  const transposed = { attributes: { perm: { ints: [0, 2, 1] } } };
  const q = g.node("Mul", [g.node("Transpose", [pixels("q")], transposed), g.float(channels ** -0.5)]); // [images, hw, c]
  const weights = g.node("Softmax", [g.node("MatMul", [q, pixels("k")])], { attributes: { axis: { int: -1 } } });
  const mixed = g.node("MatMul", [pixels("v"), g.node("Transpose", [weights], transposed)]); // [images, c, hw]
  const shape = concat(g, [g.ints([0, channels]), sizes(g, x, 2, 4)], 0);
  return g.node("Add", [x, conv(g, g.node("Reshape", [mixed, shape]), `${name}.proj_out`, 1)]);
}

/** Nearest neighbour, twice the size, then a convolution. */
function upsample(g: GraphBuilder, x: Value, name: string): Value {
  const attributes = {
    mode: { string: "nearest" },
    coordinate_transformation_mode: { string: "asymmetric" },
    nearest_mode: { string: "floor" },
  };
  const larger = g.node("Resize", [x, "", g.floats("scales 1,1,2,2", Float32Array.of(1, 1, 2, 2))], { attributes });
  return conv(g, larger, name, 3);
}

/** Convolution with the padding that keeps the size. */
function conv(g: GraphBuilder, x: Value, name: string, kernel: 1 | 3): Value {
  const pad = (kernel - 1) / 2;
  return g.node("Conv", [x, g.weight(`${name}.weight`), g.weight(`${name}.bias`)], {
    attributes: { kernel_shape: { ints: [kernel, kernel] }, pads: { ints: [pad, pad, pad, pad] } },
  });
}

/** GroupNorm as the InstanceNormalization of each group's channels laid end to end, then the channel's own affine. */
function groupNorm(g: GraphBuilder, t: TokenizerArchitecture, x: Value, name: string): Value {
  const groups = t.norm_groups;
  const ones = g.floats(`ones ${groups}`, new Float32Array(groups).fill(1));
  const zeros = g.floats(`zeros ${groups}`, new Float32Array(groups));
  const grouped = g.node("Reshape", [x, g.ints([0, groups, -1])]); // [images, groups, channels / groups * pixels]
  const normed = g.node("InstanceNormalization", [grouped, ones, zeros], {
    attributes: { epsilon: { float: t.norm_eps } },
  });
  const perChannel = (part: string) => g.node("Unsqueeze", [g.weight(`${name}.${part}`), g.ints([1, 2])]); // [c, 1, 1]
  const restored = g.node("Reshape", [normed, g.node("Shape", [x])]);
  return g.node("Add", [g.node("Mul", [restored, perChannel("weight")]), perChannel("bias")]);
}

/** [images, 3, H, W] in [-1, 1] -> [images, H, W, 3], 0 to 255; ONNX's Round takes halves to even. */
function toPixels(g: GraphBuilder, image: Value): Value {
  const scaled = g.node("Mul", [g.node("Add", [image, g.float(1)]), g.float(127.5)]);
  const rounded = g.node("Round", [g.node("Clip", [scaled, g.float(0), g.float(255)])]);
  const bytes = g.node("Cast", [rounded], { attributes: { to: { int: 2 } } });
  return g.node("Transpose", [bytes], { attributes: { perm: { ints: [0, 2, 3, 1] } } });
}
