import type { Autoencoder } from "../tokenizer-architecture.js";
import type { GraphBuilder, Value } from "./builder.js";
import { ELEMENT_TYPES, KERNELS_DOMAIN } from "./onnx.js";
import { concat, silu, sizes } from "./ops.js";

/** What both halves of the autoencoder are made of (models/vae.py of MAR). Images are [images, c, h, w]. */

type Norm = Pick<Autoencoder, "norm_groups" | "norm_eps">;

/** One level's residual blocks, each with attention after it where the level has attention. */
export function levelBlocks(
  g: GraphBuilder,
  t: Norm,
  x: Value,
  name: string,
  { blocks, attention }: { readonly blocks: number; readonly attention: boolean },
): Value {
  let h = x;
  for (let i = 0; i < blocks; i++) {
    h = residualBlock(g, t, h, `${name}.block.${i}`);
    if (attention) h = attentionBlock(g, t, h, `${name}.attn.${i}`);
  }
  return h;
}

/** The blocks at the lowest resolution. */
export function middleBlocks(g: GraphBuilder, t: Norm, x: Value, name: string): Value {
  const first = residualBlock(g, t, x, `${name}.block_1`);
  return residualBlock(g, t, attentionBlock(g, t, first, `${name}.attn_1`), `${name}.block_2`);
}

/** The last norm and convolution. */
export function outputBlock(g: GraphBuilder, t: Norm, x: Value, name: string): Value {
  return normedConv(g, t, x, `${name}.norm_out`, `${name}.conv_out`);
}

/** Twice the size, then a convolution. */
export function upsample(g: GraphBuilder, x: Value, name: string): Value {
  const enlarged = enlarge(g, x, 2);
  if (!g.usesKernels) return conv(g, enlarged, name, 3);
  return g.node("NormedConv", [enlarged, weight(g, `${name}.weight`), weight(g, `${name}.bias`)], {
    domain: KERNELS_DOMAIN,
  });
}

/** Nearest neighbour, `factor` times the size. */
export function enlarge(g: GraphBuilder, x: Value, factor: number): Value {
  const attributes = {
    mode: { string: "nearest" },
    coordinate_transformation_mode: { string: "asymmetric" },
    nearest_mode: { string: "floor" },
  };
  const scales = g.floats(`scales 1,1,${factor},${factor}`, Float32Array.of(1, 1, factor, factor));
  return g.node("Resize", [x, "", scales], { attributes });
}

function residualBlock(g: GraphBuilder, t: Norm, x: Value, name: string): Value {
  const h = normedConv(g, t, x, `${name}.norm1`, `${name}.conv1`);
  const shortcut = () => (g.hasWeight(`${name}.nin_shortcut.weight`) ? conv(g, x, `${name}.nin_shortcut`, 1) : x);
  return normedConv(g, t, h, `${name}.norm2`, `${name}.conv2`, shortcut);
}

/**
 * GroupNorm, SiLU and a 3 x 3 convolution, added to a residual. Our own operators convolve in bfloat16. The nodes of the others keep
 * their order, since a model's hash is over its graphs.
 */
function normedConv(g: GraphBuilder, t: Norm, x: Value, norm: string, name: string, residual?: () => Value): Value {
  if (!g.usesKernels) {
    const y = conv(g, silu(g, groupNorm(g, t, x, norm)), name, 3);
    return residual ? g.node("Add", [residual(), y]) : y;
  }
  const affine = [weight(g, `${norm}.weight`), weight(g, `${norm}.bias`)];
  const [scale = "", shift = ""] = g.split("GroupNormScales", [x, ...affine], 2, {
    domain: KERNELS_DOMAIN,
    attributes: { groups: { int: t.norm_groups }, epsilon: { float: t.norm_eps } },
  });
  const inputs = [x, weight(g, `${name}.weight`), weight(g, `${name}.bias`), scale, shift, residual?.() ?? ""];
  return g.node("NormedConv", inputs, { domain: KERNELS_DOMAIN });
}

/** One head over all pixels, scaled by 1 / sqrt(channels). */
function attentionBlock(g: GraphBuilder, t: Norm, x: Value, name: string): Value {
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

/** Convolution with the padding that keeps the size. */
export function conv(g: GraphBuilder, x: Value, name: string, kernel: 1 | 3): Value {
  const pad = (kernel - 1) / 2;
  return g.node("Conv", [x, weight(g, `${name}.weight`), weight(g, `${name}.bias`)], {
    attributes: { kernel_shape: { ints: [kernel, kernel] }, pads: { ints: [pad, pad, pad, pad] } },
  });
}

/** A weight for arithmetic in float32: it may be stored as float16. */
export function weight(g: GraphBuilder, name: string): Value {
  const stored = g.weight(name);
  if (g.weightType(name) === "float32") return stored;
  return g.node("Cast", [stored], { attributes: { to: { int: ELEMENT_TYPES.float32 } } });
}

/** GroupNorm as the InstanceNormalization of each group's channels laid end to end, then the channel's own affine. */
export function groupNorm(g: GraphBuilder, t: Norm, x: Value, name: string): Value {
  const groups = t.norm_groups;
  const ones = g.floats(`ones ${groups}`, new Float32Array(groups).fill(1));
  const zeros = g.floats(`zeros ${groups}`, new Float32Array(groups));
  const grouped = g.node("Reshape", [x, g.ints([0, groups, -1])]); // [images, groups, channels / groups * pixels]
  const normed = g.node("InstanceNormalization", [grouped, ones, zeros], {
    attributes: { epsilon: { float: t.norm_eps } },
  });
  const perChannel = (part: string) => g.node("Unsqueeze", [weight(g, `${name}.${part}`), g.ints([1, 2])]); // [c, 1, 1]
  const restored = g.node("Reshape", [normed, g.node("Shape", [x])]);
  return g.node("Add", [g.node("Mul", [restored, perChannel("weight")]), perChannel("bias")]);
}
