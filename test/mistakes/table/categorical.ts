import type { Mistake } from "../mistake.js";

const CATEGORICAL = "model/sampler/categorical.ts";
const CONFIDENCE = "families/mar/confidence.ts";

/** From logits to codes, and the order that follows the confidence in them. */
export const CATEGORICAL_MISTAKES: readonly Mistake[] = [
  {
    name: "logits-guidance-from-the-conditional",
    file: CATEGORICAL,
    find: "unconditional[i]! + guidance * (logits[i]! - unconditional[i]!)",
    replace: "logits[i]! + guidance * (logits[i]! - unconditional[i]!)",
    why: "u + g (c - u)",
  },
  {
    name: "logits-guidance-sign",
    file: CATEGORICAL,
    find: "unconditional[i]! + guidance * (logits[i]! - unconditional[i]!)",
    replace: "unconditional[i]! + guidance * (unconditional[i]! - logits[i]!)",
    why: "guidance leads away from the row without the class",
  },
  {
    name: "temperature-multiplied",
    file: CATEGORICAL,
    find: "Math.exp((logits[i]! - largest) / temperature)",
    replace: "Math.exp((logits[i]! - largest) * temperature)",
    why: "the temperature divides the logits",
  },
  {
    name: "top-k-one-more",
    file: CATEGORICAL,
    find: "[weights.length - top_k]!",
    replace: "[weights.length - top_k - 1]!",
    why: "the k likeliest codes remain",
  },
  {
    name: "top-p-one-too-few",
    file: CATEGORICAL,
    find: "const isBeyond = sum > p * total;\n    sum += weights[code]!;",
    replace: "sum += weights[code]!;\n    const isBeyond = sum > p * total;",
    why: "the code with which the probability exceeds p remains",
  },
  {
    name: "top-p-before-top-k",
    file: CATEGORICAL,
    find: "const total = codes.reduce((sum, code) => sum + weights[code]!, 0);",
    replace: "const total = weights.length;",
    why: "p is a share of what top-k leaves",
  },
  {
    name: "draw-from-the-other-end",
    file: CATEGORICAL,
    find: "let left = share * sum;",
    replace: "let left = (1 - share) * sum;",
    why: "codes fill the unit interval from the first on",
  },
  {
    name: "gumbel-sign",
    file: CATEGORICAL,
    find: "return -Math.log(-Math.log(Math.max(uniform, 2 ** -54)));",
    replace: "return Math.log(-Math.log(Math.max(uniform, 2 ** -54)));",
    why: "Gumbel's distribution has its long tail above",
  },
  {
    name: "confidence-least-first",
    file: CONFIDENCE,
    find: "confidence.get(a)! - confidence.get(b)!",
    replace: "confidence.get(b)! - confidence.get(a)!",
    why: "the codes in which the confidence is highest stay",
  },
  {
    name: "confidence-noise-of-the-step-before",
    file: CONFIDENCE,
    find: "(1 - (step + 1) / steps)",
    replace: "(1 - step / steps)",
    why: "the last step has no noise",
  },
];
