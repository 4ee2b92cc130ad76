import { selfAttention } from "../../model/graph/attention.js";
import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { type AdaptiveNorm, adaptivelyNormed, LinearInput, linear, RowZeroPoints } from "../../model/graph/linear.js";
import { concat, GELU_LOWEST, gather, reshape, silu, sizes, toFloat32, toWeightType } from "../../model/graph/ops.js";
import type { GraphOptions, WeightIndex } from "../../model/graph/weights.js";
import type { DiffusionTransformer } from "../../model/manifest.js";

/** Epsilon of every LayerNorm; none has weights of its own. */
const NORM_EPS = 1e-6;

/** What all blocks of one graph share. */
interface Transformer {
  readonly g: GraphBuilder;
  readonly a: DiffusionTransformer;
  /** [2]: sequences and tokens of each. */
  readonly layout: Value;
  /** Of all tokens. */
  readonly zeroPoints: RowZeroPoints;
  readonly condition: LinearInput; // [rows, width], after SiLU
}

/**
 * `predict`: noisy tokens, timestep and class of each row -> the network's output at each token: eps, then the
 * variance's interpolation, or the velocity and, in some models, a half that nothing uses; (c, p, q) each. Inputs and outputs are those of `PredictBatch` (DiT.forward of the official
 * models.py). Rows are independent: each has its own timestep and class.
 */
export function buildPredict(a: DiffusionTransformer, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const { width, depth } = a.transformer;
  const g = GraphBuilder.model("predict", weights, options);
  const x = g.input("x", "float32", ["rows", a.token_count, a.token_channels]);
  const frequencies = g.input("frequencies", "float32", ["rows", a.frequency_channels]);
  const classes = g.input("classes", "int64", ["rows"]);

  const perRow = new RowZeroPoints(g, frequencies);
  const hidden = silu(g, linear(g, toWeightType(g, frequencies), "t_embedder.mlp.0", perRow));
  const time = linear(g, hidden, "t_embedder.mlp.2", perRow); // [rows, width]
  const label = gather(g, g.weight("y_embedder.embedding_table.weight"), classes); // [rows, width]
  const condition = new LinearInput(g, silu(g, g.node("Add", [time, label])), perRow);
  const layout = concat(g, [sizes(g, classes, 0, 1), g.ints([a.token_count])], 0);

  const flat = reshape(g, toWeightType(g, x), g.ints([-1, a.token_channels]));
  const t: Transformer = { g, a, layout, zeroPoints: new RowZeroPoints(g, flat), condition };
  const tokens = embed(t, flat);
  const blocks: Value[] = [];
  for (let i = 0; i < depth; i++) blocks.push(block(t, blocks[i - 1] ?? tokens, `blocks.${i}`));
  const last = finalLayer(t, blocks.at(-1) ?? tokens);
  g.output("out", unpatchedChannels(t, last), "float32", ["rows", a.token_count, outputChannels(a)]);

  if (options.expose) {
    const expose = (name: string, value: Value, shape: readonly number[]) =>
      g.output(name, toFloat32(g, value), "float32", ["rows", ...shape]);
    expose("time", time, [width]);
    expose("class", label, [width]);
    expose("tokens", tokens, [a.token_count, width]);
    for (const [i, value] of blocks.entries()) expose(`block.${i}`, value, [a.token_count, width]);
    g.output("final", last, "float32", ["rows", a.token_count, outputChannels(a)]);
  }
  return g.encode();
}

/** The patch embedding, a convolution whose stride is its size, and fixed positions. [rows * L, C] -> [rows, L, width] */
function embed({ g, a }: Transformer, flat: Value): Value {
  const { width } = a.transformer;
  const kernel = reshape(g, g.weight("x_embedder.proj.weight"), g.ints([width, a.token_channels]));
  const attributes = { transB: { int: 1 } };
  const embedded = g.node("Gemm", [flat, kernel, g.weight("x_embedder.proj.bias")], { attributes });
  return g.node("Add", [byToken(g, a, embedded), g.weight("pos_embed")]);
}

/** Attention, then the MLP, each with its own shift, scale and gate (adaLN-Zero). [rows, L, width] -> the same */
function block(t: Transformer, x: Value, name: string): Value {
  const { g, a, layout, zeroPoints } = t;
  const part = modulation(t, `${name}.adaLN_modulation.1`);
  const attended = selfAttention(g, `${name}.attn.qkv`, a.transformer, {
    rows: normed(t, x, part(0), part(1, true)),
    layout,
  });
  const mixed = new LinearInput(g, attended, zeroPoints).project(`${name}.attn.proj`, { residual: x, gate: part(2) });
  const hidden = normed(t, mixed, part(3), part(4, true)).project(`${name}.mlp.fc1`, { activation: "gelu-tanh" });
  const output = new LinearInput(g, hidden, zeroPoints, { lowest: GELU_LOWEST });
  return output.project(`${name}.mlp.fc2`, { residual: mixed, gate: part(5) });
}

/** Shift and scale, then the output's channels as the reference lays them out: (p, q, c). [rows, L, width] -> [rows, L, 2C or C] */
function finalLayer(t: Transformer, x: Value): Value {
  const { g, a, zeroPoints } = t;
  const part = modulation(t, "final_layer.adaLN_modulation.1");
  const rows = adaptivelyNormed(g, x, normOf(t, part(0), part(1, true)));
  const output = linear(g, toFloat32(g, rows), "final_layer.linear", zeroPoints);
  return reshape(g, output, g.ints([-1, a.token_count, outputChannels(a)]));
}

/** The network's outputs at each token. */
function outputChannels(a: DiffusionTransformer): number {
  return "learn_sigma" in a && !a.learn_sigma ? a.token_channels : 2 * a.token_channels;
}

/** (p, q, c) -> (c, p, q), where the first half of a DiT's c is eps. */
function unpatchedChannels({ g, a }: Transformer, output: Value): Value {
  const { token_count: L, patch_size: p } = a;
  const channels = outputChannels(a);
  const patches = reshape(g, output, g.ints([-1, L, p, p, channels / p ** 2]));
  const byChannel = g.node("Transpose", [patches], { attributes: { perm: { ints: [0, 1, 4, 2, 3] } } });
  return reshape(g, byChannel, g.ints([-1, L, channels]));
}

/** Makes parts of a layer's projection of the condition, [rows, 1, width]; scales are one plus the projection. */
function modulation({ g, a, condition }: Transformer, layer: string) {
  const { width } = a.transformer;
  const one = toWeightType(g, g.float(1));
  return (index: number, onePlus = false): Value => {
    const outputs = { start: index * width, count: width };
    const bias = g.weight(`${layer}.bias`, outputs);
    const projected = condition.project(layer, { outputs, bias: onePlus ? g.node("Add", [bias, one]) : bias });
    return g.node("Unsqueeze", [projected, g.ints([1])]);
  };
}

/** The rows of LayerNorm(x) * scale + shift. [rows, L, width] -> [rows * L, width] */
function normed(t: Transformer, x: Value, shift: Value, scale: Value): LinearInput {
  return new LinearInput(t.g, x, t.zeroPoints, { adaptiveNorm: normOf(t, shift, scale) });
}

function normOf({ a }: Transformer, shift: Value, scale: Value): AdaptiveNorm {
  return { width: a.transformer.width, epsilon: NORM_EPS, scale, shift };
}

/** [rows * L, width] -> [rows, L, width] */
function byToken(g: GraphBuilder, a: DiffusionTransformer, x: Value): Value {
  return reshape(g, x, g.ints([-1, a.token_count, a.transformer.width]));
}
