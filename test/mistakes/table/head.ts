import type { Mistake } from "../mistake.js";

const DENOISE = "families/heads/denoise-graph.ts";
const HEAD = "families/heads/diffusion-head.ts";
const DIFFUSION = "model/sampler/diffusion-schedule.ts";

const SLOPE = 'const slope = op("Mul", op("Sub", k("maxLogVariance"), k("minLogVariance")), g.float(0.25));';
const DIFFERENCE = 'b.node("Sub", [epsConditional, gather(b, eps, rows.unconditional)])';

/** The diffusion head: its network, guidance, the ancestral step and the tables they take. */
export const HEAD_MISTAKES: readonly Mistake[] = [
  {
    name: "variance-from-the-wrong-half",
    file: DENOISE,
    find: "const [eps, variance] = b.split",
    replace: "const [variance, eps] = b.split",
    why: "the network's output is eps, then the variance",
  },
  {
    name: "fixed-small-variance",
    file: DENOISE,
    find: SLOPE,
    replace: 'const slope = op("Mul", k("maxLogVariance"), g.float(0));',
    why: "variance is learned between two bounds, not the lower one",
  },
  {
    name: "fixed-large-variance",
    file: DENOISE,
    find: 'b.node("Add", [mul(net.variance, "logSigmaSlope"), at.logSigmaBase as Value])',
    replace: 'b.node("Add", [at.logSigmaSlope as Value, at.logSigmaBase as Value])',
    why: "variance is learned between two bounds, not the upper one",
  },
  {
    name: "variance-fraction-not-mapped",
    file: DENOISE,
    find: 'op("Add", op("Mul", k("minLogVariance"), g.float(0.5)), slope)',
    replace: 'op("Mul", k("minLogVariance"), g.float(0.5))',
    why: "the network gives the fraction in [-1, 1]",
  },
  {
    name: "variance-taken-for-sigma",
    file: DENOISE,
    find: 'mul(sigma, "noise")]',
    replace: 'b.node("Mul", [sigma, mul(sigma, "noise")])]',
    why: "noise is multiplied by the standard deviation",
  },
  {
    name: "square-root-of-temperature",
    file: DENOISE,
    find: 'g.node("Unsqueeze", [temperature, g.ints([1])])',
    replace: 'g.node("Sqrt", [g.node("Unsqueeze", [temperature, g.ints([1])])])',
    why: "temperature multiplies sigma times noise as it is",
  },
  {
    name: "x-scaled-by-temperature",
    file: DENOISE,
    find: 'const outputs = g.split("Scan", [x, ',
    replace: 'const outputs = g.split("Scan", [g.node("Mul", [x, g.node("Unsqueeze", [temperature, g.ints([1])])]), ',
    why: "temperature never touches x",
  },
  {
    name: "head-norm-epsilon",
    file: HEAD,
    find: "const HEAD_NORM_EPS = 1e-6;",
    replace: "const HEAD_NORM_EPS = 1e-5;",
    why: "the head states an epsilon of its own, 1e-6",
  },
  {
    name: "head-final-norm-epsilon",
    file: HEAD,
    find: "layerNorm(b, h, [ones], HEAD_NORM_EPS)",
    replace: "layerNorm(b, h, [ones], 1e-5)",
    why: "the last norm of the head has 1e-6, too",
  },
  {
    name: "head-final-norm-left-out",
    file: HEAD,
    find: "const normed = layerNorm(b, h, [ones], HEAD_NORM_EPS);",
    replace: "const normed = h;",
    why: "norm_final has no weights, but it is there",
  },
  {
    name: "guidance-combines-variance",
    file: DENOISE,
    find: "variance: conditional(variance),",
    replace:
      'variance: b.node("Add", [conditional(variance), b.node("Mul", [b.node("Sub", [conditional(variance), gather(b, variance, rows.unconditional)]), rows.extraGuidance])]),',
    why: "the variance is the conditional half's own",
  },
  {
    name: "guidance-halves-swapped",
    file: DENOISE,
    find: DIFFERENCE,
    replace: 'b.node("Sub", [gather(b, eps, rows.unconditional), epsConditional])',
    why: "guidance leads away from the unconditional half",
  },
  {
    name: "guidance-one-too-strong",
    file: DENOISE,
    find: 'g.node("Sub", [guidance, g.float(1)])',
    replace: "guidance",
    why: "the conditional half itself counts once",
  },
  {
    name: "silu-left-out-before-adaln",
    file: HEAD,
    find: 'return silu(g, g.node("Add", [g.node("Unsqueeze", [time, g.ints([1])]), embedded]));',
    replace: 'return g.node("Add", [g.node("Unsqueeze", [time, g.ints([1])]), embedded]);',
    why: "every adaLN projection takes silu of the condition",
  },
  {
    name: "shift-and-scale-swapped",
    file: HEAD,
    find: "start: part * width,",
    replace: 'start: (layer !== "final_layer" && part < 2 ? 1 - part : part) * width,',
    why: "the rows of a block's projection are shift, scale, gate",
  },
  {
    name: "final-shift-and-scale-swapped",
    file: HEAD,
    find: "start: part * width,",
    replace: 'start: (layer === "final_layer" ? 1 - part : part) * width,',
    why: "the rows of the last projection are shift, scale",
  },
  {
    name: "scale-without-one",
    file: HEAD,
    find: 'onePlus ? g.node("Add", [bias, one]) : bias',
    replace: "bias",
    why: "adaLN multiplies by one plus the scale",
  },
  {
    name: "gate-left-out",
    file: HEAD,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it stands so in the source
    find: 'b.node("Mul", [at[`gate.${i}`] as Value, hidden])',
    replace: "hidden",
    why: "each block's branch is gated",
  },
  {
    name: "latents-clipped",
    file: DENOISE,
    find: 'const mean = b.node("Sub", [mul(x, "meanX"), mul(net.eps, "meanEps")]);',
    replace:
      'const mean = b.node("Clip", [b.node("Sub", [mul(x, "meanX"), mul(net.eps, "meanEps")]), b.float(-1), b.float(1)]);',
    why: "latents are not images: nothing is clipped to [-1, 1]",
  },
  {
    name: "noise-at-the-last-step",
    file: DIFFUSION,
    find: "i === 0 ? 0 : 1",
    replace: "1",
    why: "no noise is added at t = 0",
  },
  {
    name: "first-posterior-variance-not-replaced",
    file: DIFFUSION,
    find: "posteriorVariance(betas, alphaBars, Math.max(i, 1))",
    replace: "posteriorVariance(betas, alphaBars, i)",
    why: "the first posterior variance is 0, and has no logarithm",
  },
  {
    name: "last-beta-not-capped",
    file: DIFFUSION,
    find: "const beta = Math.min(1 - alphaBar((i + 1) / timesteps) / alphaBar(i / timesteps), MAX_BETA);",
    replace: "const beta = 1 - alphaBar((i + 1) / timesteps) / alphaBar(i / timesteps);",
    why: "betas stop at 0.999",
  },
  {
    name: "cosine-without-offset",
    file: DIFFUSION,
    find: "((t + 0.008) / 1.008)",
    replace: "t",
    why: "the cosine schedule starts at an offset of 0.008",
  },
  {
    name: "cosine-table-in-float32",
    file: DIFFUSION,
    find: "product *= 1 - beta;",
    replace: "product = Math.fround(product * Math.fround(1 - beta));",
    why: "tables are computed in float64",
  },
  {
    name: "betas-of-the-training-schedule",
    file: DIFFUSION,
    find: "betas[i] = 1 - alphaBar / previous;",
    replace: "betas[i] = kept[i] === 0 ? 1 - alphaBar : 1 - alphaBar / trained[kept[i]! - 1]!;",
    why: "betas belong to the kept timesteps",
  },
  {
    name: "respaced-index-as-timestep",
    file: DIFFUSION,
    find: "timestepFrequencies(tables.timesteps, this.frequencyChannels)",
    replace:
      "timestepFrequencies(\n        tables.timesteps.map((_, i) => tables.steps - 1 - i),\n        this.frequencyChannels,\n      )",
    why: "the network is told the original timesteps",
  },
  {
    name: "sine-before-cosine",
    file: DIFFUSION,
    find: "sinusoids[step * channels + i] = Math.cos(angle);\n      sinusoids[step * channels + half + i] = Math.sin(angle);",
    replace:
      "sinusoids[step * channels + i] = Math.sin(angle);\n      sinusoids[step * channels + half + i] = Math.cos(angle);",
    why: "a timestep's sinusoids are cosines, then sines",
  },
  {
    name: "sinusoids-interleaved",
    file: DIFFUSION,
    find: "sinusoids[step * channels + i] = Math.cos(angle);\n      sinusoids[step * channels + half + i] = Math.sin(angle);",
    replace:
      "sinusoids[step * channels + 2 * i] = Math.cos(angle);\n      sinusoids[step * channels + 2 * i + 1] = Math.sin(angle);",
    why: "a timestep's sinusoids are all cosines, then all sines",
  },
];
