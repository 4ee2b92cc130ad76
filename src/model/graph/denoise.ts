import type { GeneratorArchitecture } from "../manifest.js";
import { COEFFICIENTS } from "../runtime/runtime.js";
import { GraphBuilder, type Value } from "./builder.js";
import { affineLayerNorm, concat, gather, layerNorm, linear, reshape, silu, sizes } from "./layers.js";
import type { GraphOptions, WeightIndex } from "./weights.js";

/** Epsilon of every LayerNorm in the head (SimpleMLPAdaLN of the reference states it in its code). */
const HEAD_NORM_EPS = 1e-6;
const NET = "diffloss.net";

/** Index vectors over rows: N conditional rows come first, then the unconditional rows of the first M. */
interface Rows {
  /** [N + M]: the token whose x a row starts from. */
  readonly token: Value;
  /** [N]: a token's unconditional row, or its own row where it has none. */
  readonly unconditional: Value;
  /** [1] */
  readonly count: Value; // N
  /** guidance - 1 per token, 0 where there is none. [N, 1] */
  readonly extraGuidance: Value;
}

/** What a loop over diffusion steps takes a slice of in each step; the first axis is the step. */
type PerStep = Readonly<Record<string, Value>>;

/**
 * `denoise`: S diffusion steps over N tokens in one call. Inputs and outputs are those of `DenoiseBatch` and
 * `DenoiseResult`. What depends on timestep and z alone (the timestep MLP, the condition, every adaLN projection) is
 * computed for all steps before the loop, which is one ONNX Scan.
 */
export function buildDenoise(a: GeneratorArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const g = GraphBuilder.model("denoise", weights);
  const x = g.input("x", "float32", ["rows", a.token_channels]);
  const z = g.input("z", "float32", ["rows", a.decoder.width]);
  const zUnconditional = g.input("z_unconditional", "float32", ["guided", a.decoder.width]);
  const guidance = g.input("guidance", "float32", ["guided"]);
  const temperature = g.input("temperature", "float32", ["rows"]);
  const noise = g.input("noise", "float32", ["steps", "rows", a.token_channels]);
  const frequencies = g.input("frequencies", "float32", ["steps", a.head.frequency_channels]);
  const coefficients = g.input("coefficients", "float32", ["steps", COEFFICIENTS.length]);

  const rows = rowIndices(g, z, zUnconditional, guidance);
  const condition = conditioning(g, frequencies, concat(g, [z, zUnconditional], 0));
  const perStep: PerStep = {
    ...modulations(g, a, condition),
    ...stepCoefficients(g, coefficients, noise, temperature),
  };
  const body = loopBody(g, a, rows, Object.keys(perStep), options);
  const outputs = g.split("Scan", [x, ...Object.values(perStep)], options.expose ? 2 : 1, {
    attributes: { body: { graph: body }, num_scan_inputs: { int: Object.keys(perStep).length } },
  });
  g.output("x_out", outputs[0] as Value, "float32", ["rows", a.token_channels]);
  if (options.expose) {
    g.output("network", outputs[1] as Value, "float32", ["steps", "network_rows", 2 * a.token_channels]);
  }
  return g.encode();
}

function rowIndices(g: GraphBuilder, z: Value, zUnconditional: Value, guidance: Value): Rows {
  const count = sizes(g, z, 0, 1);
  const guided = sizes(g, zUnconditional, 0, 1);
  const range = (end: Value) => g.node("Range", [g.int(0), g.node("Squeeze", [end]), g.int(1)]);
  const tokens = range(count);
  const guidedTokens = range(guided);
  const plain = g.node("Slice", [tokens, guided, count]); // tokens without guidance
  const extra = g.node("Sub", [guidance, g.float(1)]);
  const none = g.node("ConstantOfShape", [sizes(g, plain, 0, 1)]); // zeros
  return {
    token: concat(g, [tokens, guidedTokens], 0),
    unconditional: concat(g, [g.node("Add", [guidedTokens, count]), plain], 0),
    count,
    extraGuidance: g.node("Unsqueeze", [concat(g, [extra, none], 0), g.ints([1])]),
  };
}

/** silu(timestep embedding + condition embedding), the input of every adaLN projection. -> [S, N + M, width] */
function conditioning(g: GraphBuilder, frequencies: Value, z: Value): Value {
  const hidden = silu(g, linear(g, frequencies, `${NET}.time_embed.mlp.0`));
  const time = linear(g, hidden, `${NET}.time_embed.mlp.2`); // [S, width]
  const embedded = linear(g, z, `${NET}.cond_embed`); // [N + M, width]
  return silu(g, g.node("Add", [g.node("Unsqueeze", [time, g.ints([1])]), embedded]));
}

/** Shift, 1 + scale and gate of every block, shift and 1 + scale of the final layer, for all steps and rows. */
function modulations(g: GraphBuilder, a: GeneratorArchitecture, condition: Value): PerStep {
  const { width, depth } = a.head;
  const flat = reshape(g, condition, g.ints([-1, width]));
  const shape = g.node("Shape", [condition]); // S, N + M, width
  const project = (layer: string, part: number, onePlus: boolean) => {
    const rows = { start: part * width, count: width };
    const bias = g.weight(`${NET}.${layer}.adaLN_modulation.1.bias`, rows);
    const inputs = [
      flat,
      g.weight(`${NET}.${layer}.adaLN_modulation.1.weight`, rows),
      onePlus ? g.node("Add", [bias, g.float(1)]) : bias,
    ];
    return reshape(g, g.node("Gemm", inputs, { attributes: { transB: { int: 1 } } }), shape);
  };
  const all: Record<string, Value> = {};
  for (let i = 0; i < depth; i++) {
    all[`shift.${i}`] = project(`res_blocks.${i}`, 0, false);
    all[`scale.${i}`] = project(`res_blocks.${i}`, 1, true);
    all[`gate.${i}`] = project(`res_blocks.${i}`, 2, false);
  }
  all["shift.final"] = project("final_layer", 0, false);
  all["scale.final"] = project("final_layer", 1, true);
  return all;
}

/**
 * What one ancestral step needs, [S, 1] each, gathered from the coefficient table: the mean as a sum over x and eps, the
 * logarithm of sigma as a line over the network's variance output v, and noise times temperature (0 at t = 0).
 */
function stepCoefficients(g: GraphBuilder, coefficients: Value, noise: Value, temperature: Value): PerStep {
  const columns = g.split("Split", [coefficients], COEFFICIENTS.length, {
    attributes: { axis: { int: 1 }, num_outputs: { int: COEFFICIENTS.length } },
  });
  const k = (name: (typeof COEFFICIENTS)[number]) => columns[COEFFICIENTS.indexOf(name)] as Value;
  const op = (name: "Add" | "Sub" | "Mul", l: Value, r: Value) => g.node(name, [l, r]);
  // log sigma = (f max + (1 - f) min) / 2 with f = (v + 1) / 2
  const slope = op("Mul", op("Sub", k("maxLogVariance"), k("minLogVariance")), g.float(0.25));
  const raw = op("Mul", noise, g.node("Unsqueeze", [temperature, g.ints([1])])); // [S, N, C]
  return {
    // mean = c1 x0 + c2 x with x0 = a x - b eps
    meanX: op("Add", op("Mul", k("posteriorMeanX0"), k("sqrtRecipAlphaBar")), k("posteriorMeanX")),
    meanEps: op("Mul", k("posteriorMeanX0"), k("sqrtRecipAlphaBarMinusOne")),
    logSigmaSlope: slope,
    logSigmaBase: op("Add", op("Mul", k("minLogVariance"), g.float(0.5)), slope),
    noise: op("Mul", raw, g.node("Unsqueeze", [k("noiseFactor"), g.ints([1])])),
  };
}

/** One diffusion step: network, guidance, and the ancestral step from x_t to x_(t-1). */
function loopBody(
  g: GraphBuilder,
  a: GeneratorArchitecture,
  rows: Rows,
  names: readonly string[],
  options: GraphOptions,
) {
  const C = a.token_channels;
  const { width } = a.head;
  const b = g.body("diffusion_step");
  const x = b.input("x_t", "float32", ["rows", C]);
  const at: Record<string, Value> = {};
  for (const name of names) {
    const shape = name === "noise" ? ["rows", C] : /^(shift|scale|gate)/.test(name) ? ["network_rows", width] : [1];
    at[name] = b.input(`${name}_t`, "float32", shape);
  }
  const out = network(b, a, gather(b, x, rows.token), at); // [N + M, 2C]: eps, then the variance's interpolation
  b.output("x_next", ancestralStep(b, x, guided(b, out, rows), at), "float32", ["rows", C]);
  if (options.expose) b.output("network_t", out, "float32", ["network_rows", 2 * C]);
  return b.graph();
}

/** SimpleMLPAdaLN from its input projection to its output. [N + M, C] -> [N + M, 2C] */
function network(b: GraphBuilder, a: GeneratorArchitecture, x: Value, at: PerStep): Value {
  const modulate = (normed: Value, part: string | number) =>
    b.node("Add", [b.node("Mul", [normed, at[`scale.${part}`] as Value]), at[`shift.${part}`] as Value]);
  let h = linear(b, x, `${NET}.input_proj`);
  for (let i = 0; i < a.head.depth; i++) {
    const name = `${NET}.res_blocks.${i}`;
    const modulated = modulate(affineLayerNorm(b, h, `${name}.in_ln`, HEAD_NORM_EPS), i);
    const hidden = linear(b, silu(b, linear(b, modulated, `${name}.mlp.0`)), `${name}.mlp.2`);
    h = b.node("Add", [h, b.node("Mul", [at[`gate.${i}`] as Value, hidden])]);
  }
  const ones = b.floats(`ones ${a.head.width}`, new Float32Array(a.head.width).fill(1));
  const normed = layerNorm(b, h, [ones], HEAD_NORM_EPS); // norm_final has no scale and no bias
  return linear(b, modulate(normed, "final"), `${NET}.final_layer.linear`);
}

/**
 * eps = eps_u + g (eps_c - eps_u) = eps_c + (g - 1) (eps_c - eps_u), which leaves rows without guidance as they are;
 * the variance is the conditional row's own. -> eps and variance, [N, C] each
 */
function guided(b: GraphBuilder, out: Value, rows: Rows): { eps: Value; variance: Value } {
  const halves = { attributes: { axis: { int: 1 }, num_outputs: { int: 2 } } };
  const [eps, variance] = b.split("Split", [out], 2, halves) as [Value, Value];
  const conditional = (v: Value) => b.node("Slice", [v, b.ints([0]), rows.count, b.ints([0])]);
  const epsConditional = conditional(eps);
  const difference = b.node("Sub", [epsConditional, gather(b, eps, rows.unconditional)]);
  return {
    eps: b.node("Add", [epsConditional, b.node("Mul", [difference, rows.extraGuidance])]),
    variance: conditional(variance),
  };
}

/** One draw of p(x_(t-1) | x_t), Nichol and Dhariwal 2021, eq. 9 to 15: learned-range variance, no clipping of x_0. */
function ancestralStep(b: GraphBuilder, x: Value, net: { eps: Value; variance: Value }, at: PerStep): Value {
  const mul = (l: Value, name: string) => b.node("Mul", [l, at[name] as Value]);
  const mean = b.node("Sub", [mul(x, "meanX"), mul(net.eps, "meanEps")]);
  const sigma = b.node("Exp", [b.node("Add", [mul(net.variance, "logSigmaSlope"), at.logSigmaBase as Value])]);
  return b.node("Add", [mean, mul(sigma, "noise")]);
}
