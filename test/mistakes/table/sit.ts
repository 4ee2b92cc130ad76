import type { Mistake } from "../mistake.js";

const FLOW = "families/sit/flow.ts";
const SIZES = "importer/architecture/dit-architecture.ts";

/** The flow of a SiT: its times, and the three samplers. The network and guidance are the DiT's. */
export const SIT_MISTAKES: readonly Mistake[] = [
  {
    name: "sit-guidance-on-all-channels",
    file: "families/dit/evaluation.ts",
    find: "const GUIDED_CHANNELS = 3;",
    replace: "const GUIDED_CHANNELS = 4;",
    why: "guidance combines the first three channels of the velocity only",
  },
  {
    name: "sit-velocity-from-the-unused-half",
    file: "families/dit/evaluation.ts",
    find: "const at = Math.floor(i / C) * width + (i % C);",
    replace: "const at = Math.floor(i / C) * width + width - C + (i % C);",
    why: "with learn_sigma, the velocity is the first half",
  },
  {
    name: "sit-times-of-1000",
    file: FLOW,
    find: "    timestep: t,\n",
    replace: "    timestep: 1000 * t,\n",
    why: "the network is told 0 to 1",
  },
  {
    name: "sit-times-falling",
    file: FLOW,
    find: "    timestep: t,\n",
    replace: "    timestep: 1 - t,\n",
    why: "noise is at 0, the image at 1",
  },
  {
    name: "sit-one-time-too-few",
    file: FLOW,
    find: "evenTimes(1, steps + 1)",
    replace: "evenTimes(1, steps)",
    why: "N steps lie between N + 1 times",
  },
  {
    name: "sit-times-in-float64",
    file: FLOW,
    find: "const stride = Math.fround(last / (count - 1));",
    replace: "const stride = last / (count - 1);",
    why: "torch.linspace computes in float32",
  },
  {
    name: "sit-times-counted-from-one-end",
    file: FLOW,
    find: "i < half ? stride",
    replace: "i < half + count ? stride",
    why: "torch.linspace counts from the nearer end",
  },
  {
    name: "heun-mean-left-out",
    file: FLOW,
    find: "start.x + (stride / 2) * (start.velocity + velocity)",
    replace: "start.x + stride * velocity",
    why: "heun takes the mean of both velocities",
  },
  {
    name: "heun-second-half-from-the-predicted",
    file: FLOW,
    find: "(t + stride), ({ velocity, start }) => start.x + ",
    replace: "(t + stride), ({ x, velocity, start }) => x + ",
    why: "the corrected step begins where the predicted one began",
  },
  {
    name: "heun-second-evaluation-at-the-start",
    file: FLOW,
    find: "evaluation(Math.fround(t + stride), ",
    replace: "evaluation(Math.fround(t), ",
    why: "the second velocity is that of the step's end",
  },
  {
    name: "sde-drift-without-the-score",
    file: FLOW,
    find: "velocity + t * velocity - x;",
    replace: "velocity + 0 * t * x;",
    why: "the drift of the SDE has the score, too",
  },
  {
    name: "sde-noise-without-the-two",
    file: FLOW,
    find: "Math.sqrt(2 * (1 - t) * stride)",
    replace: "Math.sqrt((1 - t) * stride)",
    why: "the noise's variance is 2 w dt",
  },
  {
    name: "sde-noise-of-a-whole-step",
    file: FLOW,
    find: "Math.sqrt(2 * (1 - t) * stride)",
    replace: "Math.sqrt(2 * (1 - t)) * stride",
    why: "a Wiener process grows with the root of the time",
  },
  {
    name: "sde-diffusion-constant",
    file: FLOW,
    find: "Math.sqrt(2 * (1 - t) * stride)",
    replace: "Math.sqrt(2 * stride)",
    why: "the diffusion form is sigma, not constant",
  },
  {
    name: "sde-last-step-as-long-as-the-others",
    file: FLOW,
    find: "terms.x + LAST_STEP * drift(terms)",
    replace: "terms.x + stride * drift(terms)",
    why: "the last step is 0.04 whatever the others are",
  },
  {
    name: "sde-times-to-the-end",
    file: FLOW,
    find: "evenTimes(1 - LAST_STEP, steps)",
    replace: "evenTimes(1, steps)",
    why: "the last step starts 0.04 before the end",
  },
  {
    name: "sit-preview-from-the-noise",
    file: FLOW,
    find: "x[i]! + (1 - t) * velocity",
    replace: "x[i]! - t * velocity",
    why: "a preview is the image, not the noise that it came from",
  },
  {
    name: "sit-taken-for-dit",
    file: SIZES,
    find: 'sizes.learnSigma ? "dit" : "sit"',
    replace: '"dit" as "dit" | "sit"',
    why: "a model without the variance is a SiT",
  },
];
