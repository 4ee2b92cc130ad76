import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { isKernelProduct, LinearInput, linear, RowZeroPoints } from "../../model/graph/linear.js";
import { affineLayerNorm, layerNorm, reshape, silu, toFloat32, toWeightType } from "../../model/graph/ops.js";
import type { WithDiffusionHead } from "../../model/manifest.js";

/** The diffusion head's network, SimpleMLPAdaLN of the reference (models/diffloss.py). */

/** Epsilon of every LayerNorm in the head (the reference states it in its code). */
const HEAD_NORM_EPS = 1e-6;
const NET = "diffloss.net";

/** Shift, 1 + scale and gate of every block, shift and 1 + scale of the final layer, by name. */
export type Modulations = Readonly<Record<string, Value>>;

/** silu(timestep embedding + condition embedding), the input of every adaLN projection. -> [S, N + M, width] */
export function conditioning(g: GraphBuilder, frequencies: Value, z: Value): Value {
  const steps = new RowZeroPoints(g, frequencies);
  const sinusoids = toWeightType(g, frequencies);
  const hidden = silu(g, linear(g, sinusoids, `${NET}.time_embed.mlp.0`, steps));
  const time = linear(g, hidden, `${NET}.time_embed.mlp.2`, steps); // [S, width]
  const embedded = linear(g, toWeightType(g, z), `${NET}.cond_embed`, new RowZeroPoints(g, z)); // [N + M, width]
  return silu(g, g.node("Add", [g.node("Unsqueeze", [time, g.ints([1])]), embedded]));
}

/** The adaLN projections of all steps and rows, [S, N + M, width] each. */
export function modulations(g: GraphBuilder, a: WithDiffusionHead, condition: Value): Modulations {
  const { width, depth } = a.head;
  const project = projection(g, condition, width);
  const all: Record<string, Value> = {};
  for (let i = 0; i < depth; i++) {
    all[`shift.${i}`] = project(`res_blocks.${i}`, 0, false);
    all[`scale.${i}`] = project(`res_blocks.${i}`, 1, true);
    all[`gate.${i}`] = project(`res_blocks.${i}`, 2, false);
  }
  all["shift.final"] = project("final_layer", 0, false);
  all["scale.final"] = project("final_layer", 1, true);
  for (let i = 0; i < depth; i++) if (isFused(g, i)) Object.assign(all, withNorm(g, all, i));
  return all;
}

/** Whether our own operators compute a block: they norm, modulate and quantise in one pass, multiply and add in another. */
function isFused(g: GraphBuilder, block: number): boolean {
  return isKernelProduct(g, `${NET}.res_blocks.${block}.mlp.0`);
}

/** The scale and shift of the norm's own, in those of adaLN: (n w + b) scale + shift. */
function withNorm(g: GraphBuilder, all: Modulations, block: number): Modulations {
  const norm = `${NET}.res_blocks.${block}.in_ln`;
  const scaled = (part: string) => g.node("Mul", [all[`scale.${block}`]!, g.weight(`${norm}.${part}`)]);
  return {
    [`scale.${block}`]: scaled("weight"),
    [`shift.${block}`]: g.node("Add", [scaled("bias"), all[`shift.${block}`]!]),
  };
}

/** Makes one part of a layer's projection; the condition is quantised once for all of them. */
function projection(g: GraphBuilder, condition: Value, width: number) {
  const flat = reshape(g, condition, g.ints([-1, width]));
  const shape = g.node("Shape", [condition]); // S, N + M, width
  const one = toWeightType(g, g.float(1));
  const input = new LinearInput(g, flat, new RowZeroPoints(g, flat));
  return (layer: string, part: number, onePlus: boolean): Value => {
    const outputs = { start: part * width, count: width };
    const name = `${NET}.${layer}.adaLN_modulation.1`;
    const bias = g.weight(`${name}.bias`, outputs);
    return reshape(g, input.project(name, { outputs, bias: onePlus ? g.node("Add", [bias, one]) : bias }), shape);
  };
}

/** From the input projection to the output, of one diffusion step; x and the result are float32. [N + M, C] -> [N + M, 2C] */
export function headNetwork(
  b: GraphBuilder,
  a: WithDiffusionHead,
  x: Value,
  at: Modulations,
  zeroPoints: RowZeroPoints,
): Value {
  const modulate = (normed: Value, part: string | number) =>
    b.node("Add", [b.node("Mul", [normed, at[`scale.${part}`] as Value]), at[`shift.${part}`] as Value]);
  let h = linear(b, toWeightType(b, x), `${NET}.input_proj`, zeroPoints);
  for (let i = 0; i < a.head.depth; i++) {
    const name = `${NET}.res_blocks.${i}`;
    if (isFused(b, i)) {
      h = fusedBlock(b, a.head.width, h, i, at, zeroPoints);
      continue;
    }
    const modulated = modulate(affineLayerNorm(b, h, `${name}.in_ln`, HEAD_NORM_EPS), i);
    const active = new LinearInput(b, modulated, zeroPoints).project(`${name}.mlp.0`, { activation: "silu" });
    const hidden = linear(b, active, `${name}.mlp.2`, zeroPoints);
    h = b.node("Add", [h, b.node("Mul", [at[`gate.${i}`] as Value, hidden])]);
  }
  const ones = toWeightType(b, b.floats(`ones ${a.head.width}`, new Float32Array(a.head.width).fill(1)));
  const normed = layerNorm(b, h, [ones], HEAD_NORM_EPS); // norm_final has no scale and no bias
  return linear(b, toFloat32(b, modulate(normed, "final")), `${NET}.final_layer.linear`, zeroPoints);
}

/** One block by our own operators, to which each row is a sequence. [rows, width] -> [rows, width] */
function fusedBlock(
  b: GraphBuilder,
  width: number,
  h: Value,
  block: number,
  at: Modulations,
  zeroPoints: RowZeroPoints,
): Value {
  const name = `${NET}.res_blocks.${block}`;
  const [scale, shift, gate] = ["scale", "shift", "gate"].map((part) => at[`${part}.${block}`]!) as [
    Value,
    Value,
    Value,
  ];
  const adaptiveNorm = { width, epsilon: HEAD_NORM_EPS, scale, shift };
  const normed = new LinearInput(b, h, zeroPoints, { adaptiveNorm });
  const active = normed.project(`${name}.mlp.0`, { activation: "silu" });
  return new LinearInput(b, active, zeroPoints).project(`${name}.mlp.2`, { residual: h, gate });
}
