import type { Mistake } from "../mistake.js";

const BLOCKS = "families/mar/transformer.ts";
const ATTENTION = "model/graph/attention.ts";
const LINEAR = "model/graph/linear.ts";
const PREDICT = "families/mar/predict-graph.ts";

/** Encoder and decoder: what `predict` computes. */
export const TRANSFORMER_MISTAKES: readonly Mistake[] = [
  {
    name: "gelu-tanh",
    file: BLOCKS,
    find: 'approximate: { string: "none" }',
    replace: 'approximate: { string: "tanh" }',
    why: "GELU is the exact (erf) kind",
  },
  {
    name: "attention-scale-1-over-width",
    file: ATTENTION,
    find: "(width / heads) ** -0.5",
    replace: "(width / heads) ** -1",
    why: "scores are divided by the square root of the head's width",
  },
  {
    name: "attention-scale-of-all-heads",
    file: ATTENTION,
    find: "(width / heads) ** -0.5",
    replace: "width ** -0.5",
    why: "the width in the scale is one head's, not the stack's",
  },
  {
    name: "keys-taken-for-queries",
    file: ATTENTION,
    find: 'project("q", queries)',
    replace: 'project("k", queries)',
    why: "the rows of qkv are queries, then keys, then values",
  },
  {
    name: "keys-and-values-swapped",
    file: ATTENTION,
    find: "const attended = { q, k, v, bias,",
    replace: "const attended = { q, k: v, v: k, bias,",
    why: "the rows of qkv are queries, then keys, then values",
  },
  {
    name: "half-as-many-heads",
    file: ATTENTION,
    find: "num_heads: { int: heads },",
    replace: "num_heads: { int: heads / 2 },",
    why: "no tensor tells the number of heads",
  },
  {
    name: "residual-after-norm",
    file: BLOCKS,
    find: "{ residual: attended }",
    replace: "{ residual: normed }",
    why: "the residual branch goes around the norm",
  },
  {
    name: "block-norm-epsilon",
    file: BLOCKS,
    find: ".norm1`, stack.normEps)",
    replace: ".norm1`, 1e-5)",
    why: "epsilon is 1e-6, PyTorch's default 1e-5",
  },
  {
    name: "decoder-epsilon",
    file: PREDICT,
    find: '{ prefix: "decoder", ...a.decoder, normEps: a.norm_eps,',
    replace: '{ prefix: "decoder", ...a.decoder, normEps: 1e-5,',
    why: "epsilon is the architecture's in the decoder, too",
  },
  {
    name: "encoder-norm-epsilon",
    file: PREDICT,
    find: '"encoder_norm", a.norm_eps)',
    replace: '"encoder_norm", 1e-5)',
    why: "epsilon is the architecture's in the last norm, too",
  },
  {
    name: "input-norm-epsilon",
    file: "families/heads/tokens.ts",
    find: "const INPUT_NORM_EPS = 1e-6;",
    replace: "const INPUT_NORM_EPS = 1e-5;",
    why: "z_proj_ln states an epsilon of its own, 1e-6",
  },
  {
    name: "input-norm-left-out",
    file: PREDICT,
    find: 'return affineLayerNorm(g, sequence, "z_proj_ln", INPUT_NORM_EPS);',
    replace: "return sequence;",
    why: "z_proj_ln normalizes buffer and tokens before the first block",
  },
  {
    name: "encoder-norm-left-out",
    file: PREDICT,
    find: 'return affineLayerNorm(g, blocks(g, x, stack, stack.depth), "encoder_norm", a.norm_eps);',
    replace: "return blocks(g, x, stack, stack.depth);",
    why: "a norm ends each stack",
  },
  {
    name: "encoder-positions-shifted-by-buffer",
    file: PREDICT,
    find: "gather(g, tokenPositions, positions)]); // [rows, known, width]",
    replace: "gather(g, table, positions)]); // [rows, known, width]",
    why: "the buffer's positions come first in the table",
  },
  {
    name: "decoder-positions-shifted-by-buffer",
    file: PREDICT,
    find: 'gather(g, source, index), g.weight("decoder_pos_embed_learned")]',
    replace:
      'gather(g, source, index), concat(g, g.split("Split", [g.weight("decoder_pos_embed_learned"), g.ints([a.token_count, a.buffer_size])], 2, { attributes: { axis: { int: 1 } } }).toReversed(), 1)]',
    why: "the buffer's positions come first in the table",
  },
  {
    name: "diffusion-positions-left-out",
    file: PREDICT,
    find: 'return g.node("Add", [affineLayerNorm(g, x, "decoder_norm", a.norm_eps), positions]);',
    replace: 'return g.node("Add", [affineLayerNorm(g, x, "decoder_norm", a.norm_eps), g.float(0)]);',
    why: "the head is told where its token is",
  },
  {
    name: "diffusion-positions-before-the-norm",
    file: PREDICT,
    find: 'return g.node("Add", [affineLayerNorm(g, x, "decoder_norm", a.norm_eps), positions]);',
    replace: 'return affineLayerNorm(g, g.node("Add", [x, positions]), "decoder_norm", a.norm_eps);',
    why: "the head's positions are added after the decoder's norm",
  },
  {
    name: "class-in-one-buffer-token-only",
    file: PREDICT,
    find: 'const buffer = g.node("Add", [classRows, bufferPositions]);',
    replace:
      'const first = g.floats("first", Float32Array.from({ length: a.buffer_size }, (_, i) => (i === 0 ? 1 : 0)));\n  const buffer = g.node("Add", [g.node("Mul", [classRows, g.node("Unsqueeze", [first, g.ints([0, 2])])]), bufferPositions]);',
    why: "every buffer token is the class embedding",
  },
  {
    name: "no-class-row-first",
    file: "families/heads/tokens.ts",
    find: '[g.weight("class_emb.weight"), g.weight("fake_latent")]',
    replace: '[g.weight("fake_latent"), g.weight("class_emb.weight")]',
    why: "the row after the last class is the one for no class",
  },
  {
    name: "buffer-missing-from-key-lengths",
    file: PREDICT,
    find: 'g.node("Add", [knownCounts, g.ints([a.buffer_size])])',
    replace: "knownCounts",
    why: "the buffer's keys come on top of the known tokens'",
  },
  {
    name: "padded-keys-not-masked",
    file: ATTENTION,
    find: 'keyCounts ? [bias ?? "", keyCounts] : bias ? [bias] : []',
    replace: "bias ? [bias] : keyCounts ? [] : []",
    why: "padding must get no attention weight",
  },
  {
    name: "known-tokens-placed-without-buffer",
    file: PREDICT,
    find: 'g.node("Add", [placement, g.ints([a.buffer_size])])',
    replace: "placement",
    why: "the encoder's rows start with the buffer",
  },
  {
    name: "targets-shifted-by-buffer",
    file: PREDICT,
    find: 'g.node("Range", [g.int(a.buffer_size), g.node("Add", [rowCount, g.int(a.buffer_size)]), length])',
    replace: 'g.node("Range", [g.int(0), rowCount, length])',
    why: "the decoder's rows start with the buffer",
  },
  {
    name: "int8-one-zero-point",
    file: LINEAR,
    find: "g.byte(x.zeroPoint)",
    replace: "g.byte(ZERO_POINT)",
    why: "the product subtracts the zero point that its inputs were quantised with",
  },
  {
    name: "int8-low-values-cut-off",
    file: LINEAR,
    find: 'isSymmetric ? above : g.node("Max", [above, g.float(-lowest / zeroPoint)])',
    replace: "above",
    why: "in a row of small values, those below zero need the step too",
  },
];
