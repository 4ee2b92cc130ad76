import { conv, enlarge, groupNorm } from "../../model/graph/autoencoder-blocks.js";
import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { concat, gather, silu } from "../../model/graph/ops.js";
import type { GraphOptions } from "../../model/graph/weights.js";
import type { ConsistencyDecoder } from "../../model/tokenizer-architecture.js";

const UNET = "tokenizer.decoder_unet";

/**
 * The U-Net of the consistency decoder (UNet2DModel of diffusers): `x` [images, 7, H, W] and `timesteps`, [images] or [1] for
 * all -> [images, 6, H, W].
 */
export function unet(
  g: GraphBuilder,
  d: ConsistencyDecoder,
  x: Value,
  timesteps: Value,
  options: GraphOptions = {},
): Value {
  const time = timeEmbedding(g, timesteps);
  const expose = (name: string, value: Value) => {
    if (options.expose) g.output(name, value, "float32", ["images", `${name} c`, `${name} h`, `${name} w`]);
  };
  if (options.expose) g.output("time", time, "float32", ["times", "width"]);
  const activated = silu(g, time);
  const block = (h: Value, name: string, resample?: Resample) =>
    residual(g, d, h, activated, `${UNET}.${name}`, resample);
  const last = d.channels.length - 1;

  /** For the concatenations on the way up, the last first. */
  const kept: Value[] = [];
  const keep = (value: Value) => {
    kept.push(value);
    return value;
  };

  let h = keep(conv(g, x, `${UNET}.conv_in`, 3));
  expose("conv_in", h);
  for (let level = 0; level <= last; level++) {
    const name = `down_blocks.${level}`;
    for (let i = 0; i < d.blocks; i++) h = keep(block(h, `${name}.resnets.${i}`));
    if (level < last) h = keep(block(h, `${name}.downsamplers.0`, halve));
    expose(`down.${level}`, h);
  }
  h = block(block(h, "mid_block.resnets.0"), "mid_block.resnets.1");
  expose("mid", h);
  for (let level = 0; level <= last; level++) {
    const name = `up_blocks.${level}`;
    for (let i = 0; i <= d.blocks; i++) h = block(concat(g, [h, kept.pop()!], 1), `${name}.resnets.${i}`);
    if (level < last) h = block(h, `${name}.upsamplers.0`, (builder, value) => enlarge(builder, value, 2));
    expose(`up.${level}`, h);
  }
  return conv(g, silu(g, groupNorm(g, d, h, `${UNET}.conv_norm_out`)), `${UNET}.conv_out`, 3);
}

/** A row of the learned table for each timestep, through an MLP. -> [times, width] */
function timeEmbedding(g: GraphBuilder, timesteps: Value): Value {
  const rows = gather(g, g.weight(`${UNET}.time_proj.weight`), timesteps);
  return linear(g, silu(g, linear(g, rows, `${UNET}.time_embedding.linear_1`)), `${UNET}.time_embedding.linear_2`);
}

type Resample = (g: GraphBuilder, x: Value) => Value;

/** A residual block whose second norm the time scales and shifts. Resampling happens after the first norm, and to the shortcut. */
function residual(
  g: GraphBuilder,
  d: ConsistencyDecoder,
  x: Value,
  time: Value,
  name: string,
  resample: Resample = (_, value) => value,
): Value {
  let h = resample(g, silu(g, groupNorm(g, d, x, `${name}.norm1`)));
  h = groupNorm(g, d, conv(g, h, `${name}.conv1`, 3), `${name}.norm2`);
  const projected = g.node("Unsqueeze", [linear(g, time, `${name}.time_emb_proj`), g.ints([2, 3])]);
  const halves = { attributes: { axis: { int: 1 }, num_outputs: { int: 2 } } };
  const [scale, shift] = g.split("Split", [projected], 2, halves);
  h = g.node("Add", [g.node("Mul", [h, g.node("Add", [scale!, g.float(1)])]), shift!]);
  h = conv(g, silu(g, h), `${name}.conv2`, 3);
  const shortcut = resample(g, x);
  const isProjected = g.hasWeight(`${name}.conv_shortcut.weight`);
  return g.node("Add", [isProjected ? conv(g, shortcut, `${name}.conv_shortcut`, 1) : shortcut, h]);
}

/** The mean of each 2 x 2 pixels. */
function halve(g: GraphBuilder, x: Value): Value {
  return g.node("AveragePool", [x], { attributes: { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } } });
}

function linear(g: GraphBuilder, x: Value, name: string): Value {
  return g.node("Gemm", [x, g.weight(`${name}.weight`), g.weight(`${name}.bias`)], {
    attributes: { transB: { int: 1 } },
  });
}
