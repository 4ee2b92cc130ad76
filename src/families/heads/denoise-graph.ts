import type { LoopGraphs } from "../../engine/runtime/runtime.js";
import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { RowZeroPoints } from "../../model/graph/linear.js";
import { concat, gather, sizes } from "../../model/graph/ops.js";
import type { GraphOptions, WeightIndex } from "../../model/graph/weights.js";
import type { WithDiffusionHead } from "../../model/manifest.js";
import { COEFFICIENTS, type Coefficient } from "../../model/sampler/diffusion-schedule.js";
import { conditioning, headNetwork, modulations } from "./diffusion-head.js";

/** Index vectors over rows: N conditional rows come first, then the unconditional rows of the first M. */
interface RowIndices {
  /** [N + M]: the token whose x a row starts from. */
  readonly token: Value;
  /** [N]: a token's unconditional row, or its own row where it has none. */
  readonly unconditional: Value;
  /** [1] */
  readonly count: Value; // N
  /** guidance - 1 per token, 0 where there is none. [N, 1] */
  readonly extraGuidance: Value;
}

/** Row indices as outputs of one graph and inputs of another. */
const INDICES = {
  token: { type: "int64", shape: ["network_rows"] },
  unconditional: { type: "int64", shape: ["rows"] },
  count: { type: "int64", shape: [1] },
  extraGuidance: { type: "float32", shape: ["rows", 1] },
} as const satisfies Record<keyof RowIndices, object>;

/** What a loop over diffusion steps takes a slice of in each step; the first axis is the step. */
type PerStep = Readonly<Record<string, Value>>;

/** What comes before the loop: all that depends on timestep and z alone. */
interface BeforeLoop {
  readonly indices: RowIndices;
  readonly zeroPoints: RowZeroPoints;
  readonly perStep: PerStep;
}

/**
 * `denoise`: S diffusion steps over N tokens in one call. Inputs and outputs are those of `DenoiseBatch` and
 * `DenoiseResult`. What depends on timestep and z alone (the timestep MLP, the condition, every adaLN projection) is
 * computed for all steps before the loop, which is one ONNX Scan.
 */
export function buildDenoise(a: WithDiffusionHead, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const g = GraphBuilder.model("denoise", weights, options);
  const x = g.input("x", "float32", ["rows", a.token_channels]);
  const { perStep, ...shared } = beforeLoop(g, a);
  const body = loopBody(g, a, shared, perStep, options);
  const outputs = g.split("Scan", [x, ...Object.values(perStep)], options.expose ? 2 : 1, {
    attributes: { body: { graph: body }, num_scan_inputs: { int: Object.keys(perStep).length } },
  });
  g.output("x_out", outputs[0] as Value, "float32", ["rows", a.token_channels]);
  if (options.expose) {
    g.output("network", outputs[1] as Value, "float32", ["steps", "network_rows", 2 * a.token_channels]);
  }
  return g.encode();
}

/** The same for a provider without loops: what comes before the loop, and one step of it. */
export function buildDenoiseLoop(a: WithDiffusionHead, weights: WeightIndex): LoopGraphs {
  const before = GraphBuilder.model("denoise_before", weights);
  const { perStep, indices } = beforeLoop(before, a);
  for (const [name, value] of Object.entries(perStep)) {
    const { type, shape } = sliceOf(before, a, name);
    before.output(`steps.${name}`, value, type, ["steps", ...shape]);
  }
  for (const [name, { type, shape }] of Object.entries(INDICES))
    before.output(name, indices[name as keyof RowIndices], type, shape);

  const g = GraphBuilder.model("denoise_step", weights);
  const x = g.input("x", "float32", ["rows", a.token_channels]);
  const step = g.input("step", "int64", []);
  const at: Record<string, Value> = {};
  for (const name of Object.keys(perStep)) {
    const { type, shape } = sliceOf(g, a, name);
    at[name] = gather(g, g.input(`steps.${name}`, type, ["steps", ...shape]), step);
  }
  const input = (name: keyof RowIndices) => g.input(name, INDICES[name].type, INDICES[name].shape);
  const rows = {
    token: input("token"),
    unconditional: input("unconditional"),
    count: input("count"),
    extraGuidance: input("extraGuidance"),
  };
  const { next } = diffusionStep(g, a, x, at, { indices: rows, zeroPoints: new RowZeroPoints(g, rows.token) });
  g.output("x_out", next, "float32", ["rows", a.token_channels]);
  return {
    before: before.encode(),
    step: g.encode(),
    kept: [...Object.keys(perStep).map((name) => `steps.${name}`), "extraGuidance"],
    state: { input: "x", output: "x_out" },
    over: "coefficients",
  };
}

/** Declares all inputs but x. */
function beforeLoop(g: GraphBuilder, a: WithDiffusionHead): BeforeLoop {
  const z = g.input("z", "float32", ["rows", a.decoder.width]);
  const zUnconditional = g.input("z_unconditional", "float32", ["guided", a.decoder.width]);
  const guidance = g.input("guidance", "float32", ["guided"]);
  const temperature = g.input("temperature", "float32", ["rows"]);
  const noise = g.input("noise", "float32", ["steps", "rows", a.token_channels]);
  const frequencies = g.input("frequencies", "float32", ["steps", a.head.frequency_channels]);
  const coefficients = g.input("coefficients", "float32", ["steps", COEFFICIENTS.length]);

  const indices = rowIndices(g, z, zUnconditional, guidance);
  const conditions = concat(g, [z, zUnconditional], 0);
  const zeroPoints = new RowZeroPoints(g, conditions);
  const condition = conditioning(g, frequencies, conditions);
  const perStep: PerStep = {
    ...modulations(g, a, condition),
    ...stepCoefficients(g, coefficients, noise, temperature),
  };
  return { indices, zeroPoints, perStep };
}

function rowIndices(g: GraphBuilder, z: Value, zUnconditional: Value, guidance: Value): RowIndices {
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

/**
 * What one ancestral step needs, [S, 1] each, gathered from the coefficient table: the mean as a sum over x and eps, the
 * logarithm of sigma as a line over the network's variance output v, and noise times temperature (0 at t = 0).
 */
function stepCoefficients(g: GraphBuilder, coefficients: Value, noise: Value, temperature: Value): PerStep {
  const columns = g.split("Split", [coefficients], COEFFICIENTS.length, {
    attributes: { axis: { int: 1 }, num_outputs: { int: COEFFICIENTS.length } },
  });
  const k = (name: Coefficient) => columns[COEFFICIENTS.indexOf(name)] as Value;
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

/** Type and shape of what one step takes of `name`. */
function sliceOf(g: GraphBuilder, a: WithDiffusionHead, name: string) {
  const isModulation = /^(shift|scale|gate)\./.test(name);
  const shape = name === "noise" ? ["rows", a.token_channels] : isModulation ? ["network_rows", a.head.width] : [1];
  return { type: isModulation ? g.floatType : "float32", shape } as const;
}

/** One diffusion step as the body of a Scan. */
function loopBody(
  g: GraphBuilder,
  a: WithDiffusionHead,
  shared: Omit<BeforeLoop, "perStep">,
  perStep: PerStep,
  options: GraphOptions,
) {
  const C = a.token_channels;
  const b = g.body("diffusion_step");
  const x = b.input("x_t", "float32", ["rows", C]);
  const at: Record<string, Value> = {};
  for (const name of Object.keys(perStep)) {
    const { type, shape } = sliceOf(b, a, name);
    at[name] = b.input(`${name}_t`, type, shape);
  }
  const { out, next } = diffusionStep(b, a, x, at, shared);
  b.output("x_next", next, "float32", ["rows", C]);
  if (options.expose) b.output("network_t", out, "float32", ["network_rows", 2 * C]);
  return b.graph();
}

/** Network, guidance, and the ancestral step from x_t to x_(t-1). -> the network's output, and x_(t-1) */
function diffusionStep(
  b: GraphBuilder,
  a: WithDiffusionHead,
  x: Value,
  at: PerStep,
  { indices, zeroPoints }: Omit<BeforeLoop, "perStep">,
): { out: Value; next: Value } {
  const out = headNetwork(b, a, gather(b, x, indices.token), at, zeroPoints); // eps, then the variance's interpolation
  return { out, next: ancestralStep(b, x, guided(b, out, indices), at) };
}

/**
 * eps = eps_u + g (eps_c - eps_u) = eps_c + (g - 1) (eps_c - eps_u), which leaves rows without guidance as they are;
 * the variance is the conditional row's own. -> eps and variance, [N, C] each
 */
function guided(b: GraphBuilder, out: Value, rows: RowIndices): { eps: Value; variance: Value } {
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
