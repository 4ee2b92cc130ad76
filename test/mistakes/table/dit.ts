import type { Mistake } from "../mistake.js";

const NETWORK = "families/dit/predict-graph.ts";
const STEP = "families/dit/diffusion-step.ts";
const SCHEDULE = "families/dit/schedule.ts";
const IMAGE = "families/dit/image.ts";
const EVALUATION = "families/dit/evaluation.ts";
const NAMES = "importer/tokenizers/reference-names.ts";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: they stand so in the source
const GELU = 'normed(t, mixed, part(3), part(4, true)).project(`${name}.mlp.fc1`, { activation: "gelu-tanh" })';
const EXACT_GELU =
  'g.node("Gelu", [normed(t, mixed, part(3), part(4, true)).project(`${name}.mlp.fc1`)], { attributes: { approximate: { string: "none" } } })';
const ATTENTION = "selfAttention(g, `${name}.attn.qkv`, a.transformer, {";
const HALF_THE_HEADS = "selfAttention(g, `${name}.attn.qkv`, { ...a.transformer, heads: a.transformer.heads / 2 }, {";
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: they stand so in the source

/** The diffusion transformer: its network, guidance, both samplers, and the KL-8 beside it. */
export const DIT_MISTAKES: readonly Mistake[] = [
  {
    name: "dit-gelu-erf",
    file: NETWORK,
    find: GELU,
    replace: EXACT_GELU,
    why: "GELU is the tanh kind, unlike MAR's",
  },
  {
    name: "dit-norm-epsilon",
    file: NETWORK,
    find: "const NORM_EPS = 1e-6;",
    replace: "const NORM_EPS = 1e-5;",
    why: "epsilon is 1e-6, PyTorch's default 1e-5",
  },
  {
    name: "dit-half-as-many-heads",
    file: NETWORK,
    find: ATTENTION,
    replace: HALF_THE_HEADS,
    why: "no tensor tells the number of heads",
  },
  {
    name: "dit-attention-shift-and-scale-swapped",
    file: NETWORK,
    find: "rows: normed(t, x, part(0), part(1, true))",
    replace: "rows: normed(t, x, part(1), part(0, true))",
    why: "the projection's rows are shift, scale, gate",
  },
  {
    name: "dit-mlp-takes-the-attention-half",
    file: NETWORK,
    find: "normed(t, mixed, part(3), part(4, true))",
    replace: "normed(t, mixed, part(0), part(1, true))",
    why: "attention and MLP have three rows each",
  },
  {
    name: "dit-gates-swapped",
    file: NETWORK,
    find: "{ residual: mixed, gate: part(5) }",
    replace: "{ residual: mixed, gate: part(2) }",
    why: "the MLP has a gate of its own",
  },
  {
    name: "dit-final-shift-and-scale-swapped",
    file: NETWORK,
    find: "normOf(t, part(0), part(1, true))",
    replace: "normOf(t, part(1), part(0, true))",
    why: "the last projection's rows are shift, scale",
  },
  {
    name: "dit-scale-without-one",
    file: NETWORK,
    find: 'bias: onePlus ? g.node("Add", [bias, one]) : bias',
    replace: "bias: onePlus || one ? bias : bias",
    why: "adaLN multiplies by one plus the scale",
  },
  {
    name: "dit-silu-left-out",
    file: NETWORK,
    find: 'new LinearInput(g, silu(g, g.node("Add", [time, label])), perRow)',
    replace: 'new LinearInput(g, g.node("Add", [time, label]), perRow)',
    why: "adaLN projects the condition after SiLU",
  },
  {
    name: "dit-positions-left-out",
    file: NETWORK,
    find: 'return g.node("Add", [byToken(g, a, embedded), g.weight("pos_embed")]);',
    replace: "return byToken(g, a, embedded);",
    why: "each patch has a position",
  },
  {
    name: "dit-patches-transposed",
    file: NETWORK,
    find: "perm: { ints: [0, 1, 4, 2, 3] }",
    replace: "perm: { ints: [0, 1, 4, 3, 2] }",
    why: "a patch's numbers are row by row",
  },
  {
    name: "dit-output-channels-first",
    file: NETWORK,
    find: "g.ints([-1, L, p, p, channels / p ** 2])",
    replace: "g.ints([-1, L, channels / p ** 2, p, p])",
    why: "the last layer's outputs are (p, q, c)",
  },
  {
    name: "dit-guidance-on-all-channels",
    file: EVALUATION,
    find: "const GUIDED_CHANNELS = 3;",
    replace: "const GUIDED_CHANNELS = 4;",
    why: "guidance combines the first three channels only",
  },
  {
    name: "dit-guidance-halves-swapped",
    file: IMAGE,
    find: "[parameters.class!, noClass]",
    replace: "[noClass, parameters.class!]",
    why: "guidance leads away from the row without a class",
  },
  {
    name: "dit-variance-from-the-wrong-half",
    file: STEP,
    find: "input.output[2 * i - (i % C) + C]!",
    replace: "input.output[2 * i - (i % C)]!",
    why: "the variance is the output's second half",
  },
  {
    name: "dit-variance-fraction-not-mapped",
    file: STEP,
    find: "const share = (variance + 1) / 2;",
    replace: "const share = variance;",
    why: "the network gives the fraction in [-1, 1]",
  },
  {
    name: "dit-variance-taken-for-sigma",
    file: STEP,
    find: "Math.exp(logVariance / 2)",
    replace: "Math.exp(logVariance)",
    why: "noise is multiplied by the standard deviation",
  },
  {
    name: "dit-noise-at-the-last-step",
    file: STEP,
    find: "  if (step.noiseFactor === 0) return mean;\n",
    replace: "",
    why: "the last step adds no noise",
  },
  {
    name: "dit-x0-clipped",
    file: STEP,
    find: "const x0 = step.sqrtRecipAlphaBar * x - step.sqrtRecipAlphaBarMinusOne * eps;",
    replace: "const x0 = Math.max(-1, Math.min(1, step.sqrtRecipAlphaBar * x - step.sqrtRecipAlphaBarMinusOne * eps));",
    why: "latents are not images: nothing is clipped to [-1, 1]",
  },
  {
    name: "ddim-eps-of-the-present-timestep",
    file: STEP,
    find: "Math.sqrt(previousAlphaBar) * x0 + Math.sqrt(1 - previousAlphaBar) * eps",
    replace: "Math.sqrt(previousAlphaBar) * x0 + (1 - previousAlphaBar) * eps",
    why: "eps has the standard deviation sqrt(1 - alpha-bar)",
  },
  {
    name: "dit-betas-end-at-0.012",
    file: SCHEDULE,
    find: "const LAST_BETA = 0.02;",
    replace: "const LAST_BETA = 0.012;",
    why: "0.012 is latent diffusion's last beta, not DiT's",
  },
  {
    name: "dit-betas-scaled-linearly",
    file: SCHEDULE,
    find: "t === last ? LAST_BETA : FIRST_BETA + t * stride",
    replace: "(Math.sqrt(FIRST_BETA) + (t / last) * (Math.sqrt(LAST_BETA) - Math.sqrt(FIRST_BETA))) ** 2 + 0 * stride",
    why: "the betas themselves are linear, not their roots",
  },
  {
    name: "dit-respaced-index-as-timestep",
    file: STEP,
    find: "timestep: step.timestep,",
    replace: "timestep: schedule.length - 1 - schedule.indexOf(step),",
    why: "the network is told the original timesteps",
  },
  {
    name: "dit-noise-of-the-step-before",
    file: IMAGE,
    find: "drawNoise(this.#noise, this.#done + 1, this.model)",
    replace: "drawNoise(this.#noise, this.#done, this.model)",
    why: "draw 0 is x_T; reusing it ties a step to its input",
  },
  {
    name: "dit-preview-of-the-noise",
    file: IMAGE,
    find: "this.step === this.steps ? this.#now.x : this.#now.x0",
    replace: "this.#now.x",
    why: "a preview is the image that the network expects",
  },
  {
    name: "dit-pixels-rounded",
    file: "families/dit/dit.ts",
    find: 'pixelRounding: "down"',
    replace: 'pixelRounding: "nearest"',
    why: "the official code cuts pixels off",
  },
  {
    name: "pixels-cut-off-without-the-half",
    file: "model/graph/pixels.ts",
    find: "g.float(128)",
    replace: "g.float(127.5)",
    why: "what is cut off is 127.5 x + 128",
  },
  {
    name: "kl8-scale-of-kl16",
    file: "importer/tokenizers/kl.ts",
    find: "scale: 0.18215",
    replace: "scale: 0.2325",
    why: "KL-8 has a scale of its own",
  },
  {
    name: "diffusers-levels-counted-alike",
    file: NAMES,
    find: "levels - 1 - level",
    replace: "level",
    why: "diffusers counts the decoder's levels from the other end",
  },
  {
    name: "diffusers-keys-for-queries",
    file: NAMES,
    find: '[/\\.(to_q|query)\\./, ".q."]',
    replace: '[/\\.(to_q|query)\\./, ".v."]',
    why: "each part of attention has one name",
  },
];
