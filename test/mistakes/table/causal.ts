import type { Mistake } from "../mistake.js";

const LLAMAGEN = "families/causal/llamagen-graph.ts";
const ORDERED = "families/causal/ordered-graph.ts";
const ATTENTION = "families/causal/cached-attention.ts";
const ROTARY = "families/causal/rotary.ts";
const IMAGE = "families/causal/image.ts";
const PREDICTOR = "families/causal/predictor.ts";

/** The causal networks and their cache: those of LlamaGen, and of MAR's paper. */
export const CAUSAL_MISTAKES: readonly Mistake[] = [
  {
    name: "rope-pairs-of-halves",
    file: ATTENTION,
    find: "interleaved: { int: 1 }",
    replace: "interleaved: { int: 0 }",
    why: "a pair is two neighbours in a head",
  },
  {
    name: "rope-columns-before-rows",
    file: ROTARY,
    find: "[Math.floor(token / a.grid_width), token % a.grid_width]",
    replace: "[token % a.grid_width, Math.floor(token / a.grid_width)]",
    why: "the first half of the pairs turns with the row",
  },
  {
    name: "rope-turns-with-the-position",
    file: ROTARY,
    find: "const token = position - 1;",
    replace: "const token = position;",
    why: "position i is token i - 1, because position 0 is the class",
  },
  {
    name: "rope-frequencies-over-the-whole-head",
    file: ROTARY,
    find: "((-2 * i) / half)",
    replace: "(-i / half)",
    why: "rows and columns each have half of the pairs",
  },
  {
    name: "cache-offset-by-one",
    file: ATTENTION,
    find: 'g.node("Less", [all,',
    replace: 'g.node("LessOrEqual", [all,',
    why: "a row at position i has i cached keys",
  },
  {
    name: "cached-attention-unscaled",
    file: ATTENTION,
    find: "g.float(size ** -0.5)",
    replace: "g.float(1)",
    why: "scores are divided by the root of a head's size",
  },
  {
    name: "cached-key-not-turned",
    file: ATTENTION,
    find: "[turn(query), turn(key)]",
    replace: "[turn(query), key]",
    why: "keys turn with their position, too",
  },
  {
    name: "llamagen-class-at-the-second-position",
    file: LLAMAGEN,
    find: 'g.node("Equal", [positions, g.int(0)])',
    replace: 'g.node("Less", [positions, g.int(2)])',
    why: "only position 0 has the class",
  },
  {
    name: "llamagen-gate-is-w3",
    file: LLAMAGEN,
    find: ".feed_forward.w1`",
    replace: ".feed_forward.w3`",
    why: "w1 is the gate",
  },
  {
    name: "llamagen-no-residual-around-attention",
    file: LLAMAGEN,
    find: 'const mixed = g.node("Add", [x, attended]);',
    replace: "const mixed = attended;",
    why: "attention adds to what comes in",
  },
  {
    name: "llamagen-no-last-norm",
    file: LLAMAGEN,
    find: "new LinearInput(g, normed, shared.zeroPoints)",
    replace: "new LinearInput(g, x, shared.zeroPoints)",
    why: "the logits are made of what the last norm makes",
  },
  {
    name: "ordered-target-is-the-token-before",
    file: PREDICTOR,
    find: "targets: vector(({ position, target = position }) => target),",
    replace: "targets: vector(({ previous = 0 }) => previous),",
    why: "the network is told where the next token lies",
  },
  {
    name: "ordered-place-without-the-class",
    file: PREDICTOR,
    find: "(position === 0 ? 0 : 1 + previous)",
    replace: "(position === 0 ? 0 : previous)",
    why: "the first of the places is that of the class",
  },
  {
    name: "ordered-qkv-in-another-order",
    file: ORDERED,
    find: "[part(0), part(1), part(2)]",
    replace: "[part(1), part(0), part(2)]",
    why: "queries come first in the layer's outputs",
  },
  {
    name: "ordered-norm-before-the-target",
    file: ORDERED,
    find: 'let x = affineLayerNorm(g, aimed, "z_proj_ln", INPUT_NORM_EPS);',
    replace: 'let x = affineLayerNorm(g, placed, "z_proj_ln", INPUT_NORM_EPS);',
    why: "the target's place is part of what the norm sees",
  },
  {
    name: "causal-order-from-its-start",
    file: IMAGE,
    find: "tokenOrder(order, model, seed, imageIndex).reverse()",
    replace: "tokenOrder(order, model, seed, imageIndex)",
    why: "orders are consumed from their end, as MAR's are",
  },
  {
    name: "causal-unshuffle-forgotten",
    file: IMAGE,
    find: "return this.#order.subarray(this.step, this.step + 1);",
    replace: "return Int32Array.of(this.step);",
    why: "a token lies where the order says, not where its turn is",
  },
  {
    name: "causal-input-is-the-token-to-come",
    file: IMAGE,
    find: "const previous = this.#order[this.step - 1] ?? 0;",
    replace: "const previous = this.#order[this.step] ?? 0;",
    why: "the network sees the token before",
  },
  {
    name: "causal-guidance-of-the-step-before",
    file: IMAGE,
    find: "this.steps - 1 - this.step",
    replace: "this.steps - this.step",
    why: "guidance grows with the tokens that are known after the step",
  },
  {
    name: "causal-guidance-steps-one-more",
    file: IMAGE,
    find: "this.step < guidance_steps",
    replace: "this.step <= guidance_steps",
    why: "so many steps have guidance, from the first on",
  },
];
