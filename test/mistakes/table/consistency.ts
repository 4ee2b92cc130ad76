import type { Mistake } from "../mistake.js";

const STEP = "tokenizers/consistency/consistency.ts";
const UNET = "tokenizers/consistency/unet.ts";
const SCHEDULE = "tokenizers/consistency/schedule.ts";
const ENGINE = "engine/consistency-decoder.ts";

/** Of the consistency decoder. */
export const CONSISTENCY_MISTAKES: readonly Mistake[] = [
  {
    name: "consistency-features-unscaled",
    file: STEP,
    find: "const SCALE = 0.18215;",
    replace: "const SCALE = 1;",
    why: "the means are those of scaled latents",
  },
  {
    name: "consistency-mean-added",
    file: STEP,
    find: 'g.node("Sub"',
    replace: 'g.node("Add"',
    why: "features have a mean of zero",
  },
  {
    name: "consistency-deviation-multiplied",
    file: STEP,
    find: 'g.node("Div"',
    replace: 'g.node("Mul"',
    why: "features have a standard deviation of one",
  },
  {
    name: "consistency-skip-and-out-swapped",
    file: STEP,
    find: '["skip", "out", "in"]',
    replace: '["out", "skip", "in"]',
    why: "x0 = skip x + out network",
  },
  {
    name: "consistency-input-unscaled",
    file: STEP,
    find: 'g.node("Mul", [x, scale!])',
    replace: "x",
    why: "the network's input has unit variance",
  },
  {
    name: "consistency-variance-for-x0",
    file: STEP,
    find: "const [predicted] =",
    replace: "const [, predicted] =",
    why: "the first three channels are the prediction",
  },
  {
    name: "consistency-clamp-left-out",
    file: STEP,
    find: 'd.clamp ? g.node("Clip", [x0, g.float(-1), g.float(1)]) : x0',
    replace: "x0",
    why: "the official code clamps each step's image",
  },
  {
    name: "consistency-always-clamped",
    file: STEP,
    find: "d.clamp ?",
    replace: "d ?",
    why: "diffusers does not clamp",
  },
  {
    name: "consistency-time-scale-and-shift-swapped",
    file: UNET,
    find: "const [scale, shift] =",
    replace: "const [shift, scale] =",
    why: "the scale comes first",
  },
  {
    name: "consistency-time-scale-without-one",
    file: UNET,
    find: 'g.node("Add", [scale!, g.float(1)])',
    replace: "scale!",
    why: "the second norm is multiplied by 1 + scale",
  },
  {
    name: "consistency-time-not-activated",
    file: UNET,
    find: "const activated = silu(g, time);",
    replace: "const activated = time;",
    why: "blocks activate the time before they project it",
  },
  {
    name: "consistency-max-pooled",
    file: UNET,
    find: '"AveragePool"',
    replace: '"MaxPool"',
    why: "a level is halved by means",
  },
  {
    name: "consistency-concatenated-the-other-way",
    file: UNET,
    find: "concat(g, [h, kept.pop()!], 1)",
    replace: "concat(g, [kept.pop()!, h], 1)",
    why: "what was kept comes after",
  },
  {
    name: "consistency-sigma-of-data",
    file: SCHEDULE,
    find: "SIGMA_DATA = 0.5",
    replace: "SIGMA_DATA = 1",
    why: "images in [-1, 1] have half that deviation",
  },
  {
    name: "consistency-first-timestep",
    file: SCHEDULE,
    find: "[1008, 512]",
    replace: "[1023, 512]",
    why: "the first step is not the noisiest",
  },
  {
    name: "consistency-time-off-by-one",
    file: ENGINE,
    find: "BigInt(step.timestep)",
    replace: "BigInt(step.timestep - 1)",
    why: "the table's rows are timesteps from 0",
  },
  {
    name: "consistency-noise-reused",
    file: ENGINE,
    find: "noise(k).map(",
    replace: "noise(0).map(",
    why: "each step adds fresh noise",
  },
  {
    name: "consistency-noise-drawn-once",
    file: ENGINE,
    find: "DECODER_STEP, pixel, k)",
    replace: "DECODER_STEP, pixel, 0)",
    why: "each step draws fresh noise",
  },
  {
    name: "consistency-signal-left-out",
    file: ENGINE,
    find: "(x0 ? step.signal * x0[i]! : 0)",
    replace: "0",
    why: "the second step begins with the first one's image",
  },
  {
    name: "consistency-epsilon",
    file: "importer/tokenizers/consistency.ts",
    find: "NORM_EPS = 1e-5",
    replace: "NORM_EPS = 1e-6",
    why: "the U-Net's epsilon is 1e-5, the autoencoder's 1e-6",
  },
];
