import type { Mistake } from "../mistake.js";

const DIFFUSION = "model/sampler/diffusion-schedule.ts";
const SCHEDULE = "families/mar/mask-schedule.ts";
const ORDER = "model/sampler/token-order.ts";
const NOISE = "model/sampler/noise.ts";
const PHILOX = "model/sampler/philox.ts";
const PATCHES = "model/sampler/patches.ts";

const MASK_LENGTH = "Math.max(1, Math.min(masked - 1, Math.floor(tokenCount * ratio)))";
const PATCH_LOOPS = `      for (let channel = 0; channel < channels; channel++) {
        for (let p = 0; p < patch; p++) {
          const latent = channel * plane + (row * patch + p) * width + column * patch;
          for (let q = 0; q < patch; q++) visit(token++, latent + q);
        }
      }`;

/** Schedules, order, guidance, noise and patches. */
export const SAMPLER_MISTAKES: readonly Mistake[] = [
  {
    name: "respacing-half-up",
    file: DIFFUSION,
    find: "return floor % 2 === 0 ? floor : floor + 1;",
    replace: "return floor + 1;",
    why: "halves are rounded to even",
  },
  {
    name: "respacing-integer-stride",
    file: DIFFUSION,
    find: "const stride = (of - 1) / (diffusionSteps - 1);",
    replace: "const stride = Math.floor((of - 1) / (diffusionSteps - 1));",
    why: "the stride is a fraction",
  },
  {
    name: "respacing-multiplied",
    file: DIFFUSION,
    find: "position += stride;",
    replace: "position = (i + 1) * stride;",
    why: "the stride is accumulated, with its rounding errors",
  },
  {
    name: "mask-schedule-ceil",
    file: SCHEDULE,
    find: "Math.floor(tokenCount * ratio)",
    replace: "Math.ceil(tokenCount * ratio)",
    why: "mask lengths are rounded down",
  },
  {
    name: "mask-schedule-round",
    file: SCHEDULE,
    find: "Math.floor(tokenCount * ratio)",
    replace: "Math.round(tokenCount * ratio)",
    why: "mask lengths are rounded down",
  },
  {
    name: "mask-length-may-be-zero",
    file: SCHEDULE,
    find: MASK_LENGTH,
    replace: "Math.min(masked - 1, Math.floor(tokenCount * ratio))",
    why: "a mask is at least 1 long, in the last step's guidance, too",
  },
  {
    name: "mask-may-stay",
    file: SCHEDULE,
    find: MASK_LENGTH,
    replace: "Math.max(1, Math.floor(tokenCount * ratio))",
    why: "every step samples at least one token",
  },
  {
    name: "guidance-a-step-late",
    file: SCHEDULE,
    find: "schedule.push({ masked, sampled, maskedAfter });",
    replace: "schedule.push({ masked, sampled, maskedAfter: masked });",
    why: "linear guidance counts the tokens known after the step",
  },
  {
    name: "guidance-in-float64",
    file: "model/sampler/guidance.ts",
    find: "return Math.fround(1 + Math.fround(weighted / tokenCount));",
    replace: "return 1 + ((scale - 1) * (tokenCount - maskedAfter)) / tokenCount;",
    why: "the reference's guidance is rounded to float32",
  },
  {
    name: "raster-backwards",
    file: ORDER,
    find: "(_, i) => tokenCount - 1 - i);",
    replace: "(_, i) => i);",
    why: "an order is consumed from its end",
  },
  {
    name: "shuffle-biased",
    file: ORDER,
    find: "uniformBelow(last + 1, words)",
    replace: "uniformBelow(last, words)",
    why: "a token may stay where it is",
  },
  {
    name: "modulo-biased",
    file: ORDER,
    find: "  while (word >= limit) word = nextWord();\n",
    replace: "",
    why: "words above the largest multiple are drawn again",
  },
  {
    name: "noise-and-order-share-a-stream",
    file: PHILOX,
    find: "{ order: 0, noise: 1 }",
    replace: "{ order: 0, noise: 0 }",
    why: "no two draws of a seed share a counter",
  },
  {
    name: "philox-constant",
    file: PHILOX,
    find: "const MULTIPLIER_1 = 0xcd9e8d57;",
    replace: "const MULTIPLIER_1 = 0xcd9e8d75;",
    why: "the published test vectors name the constants",
  },
  {
    name: "philox-rounds",
    file: PHILOX,
    find: "const ROUNDS = 10;",
    replace: "const ROUNDS = 7;",
    why: "Philox 4x32-10 has ten rounds",
  },
  {
    name: "seed-cut-to-32-bits",
    file: PHILOX,
    find: "Math.floor(seed / 2 ** 32)",
    replace: "seed & 0",
    why: "seeds have 53 bits",
  },
  {
    name: "noise-repeats-over-channels",
    file: NOISE,
    find: "philox4x32(channel / NORMALS_PER_BLOCK, ",
    replace: "philox4x32(0, ",
    why: "each block of channels has a counter of its own",
  },
  {
    name: "noise-of-half-the-variance",
    file: NOISE,
    find: "Math.sqrt(-2 * Math.log(u))",
    replace: "Math.sqrt(-Math.log(u))",
    why: "noise is a standard normal",
  },
  {
    name: "logarithm-of-zero",
    file: NOISE,
    find: "(words[pair]! + 1) * TWO_POW_MINUS_32",
    replace: "words[pair]! * TWO_POW_MINUS_32",
    why: "one word in 2^32 is 0",
  },
  {
    name: "patch-channels-last",
    file: PATCHES,
    find: PATCH_LOOPS,
    replace: `      for (let p = 0; p < patch; p++) {
        for (let q = 0; q < patch; q++) {
          const latent = (row * patch + p) * width + column * patch + q;
          for (let channel = 0; channel < channels; channel++) visit(token++, latent + channel * plane);
        }
      }`,
    why: "a token's channels are (c, p, q), not (p, q, c)",
  },
  {
    name: "patch-rows-and-columns-swapped",
    file: PATCHES,
    find: PATCH_LOOPS,
    replace: `      for (let channel = 0; channel < channels; channel++) {
        for (let q = 0; q < patch; q++) {
          const latent = channel * plane + row * patch * width + column * patch + q;
          for (let p = 0; p < patch; p++) visit(token++, latent + p * width);
        }
      }`,
    why: "a token's channels are (c, p, q), not (c, q, p)",
  },
];
