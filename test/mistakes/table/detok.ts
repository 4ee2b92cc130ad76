import type { Mistake } from "../mistake.js";

const GRAPHS = "tokenizers/detok/detok.ts";
const TRANSFORMER = "tokenizers/detok/vision-transformer.ts";
const ROTARY = "tokenizers/detok/rotary.ts";
const IMPORTER = "importer/tokenizers/detok.ts";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: they stand so in the source

/** DeTok's tokenizer: both transformers, the statistics of its latents, patches and pixels. */
export const DETOK_MISTAKES: readonly Mistake[] = [
  {
    name: "detok-rotary-halves",
    file: TRANSFORMER,
    find: `    matrix[(i + 1) * size + i] = -1;
    matrix[i * size + i + 1] = 1;`,
    replace: `    matrix[(i / 2 + size / 2) * size + i / 2] = -1;
    matrix[(i / 2) * size + i / 2 + size / 2] = 1;`,
    why: "pairs are neighbours, not halves of a head",
  },
  {
    name: "detok-rotary-backwards",
    file: TRANSFORMER,
    find: "    matrix[(i + 1) * size + i] = -1;\n    matrix[i * size + i + 1] = 1;",
    replace: "    matrix[(i + 1) * size + i] = 1;\n    matrix[i * size + i + 1] = -1;",
    why: "a pair turns from the first number to the second",
  },
  {
    name: "detok-rotary-one-angle-for-a-pair",
    file: ROTARY,
    find: "frequencies[i % count]!",
    replace: "frequencies[(i >> 1) % count]!",
    why: "the official code gives both of a pair angles of their own",
  },
  {
    name: "detok-rotary-rows-and-columns-swapped",
    file: ROTARY,
    find: "place[Math.floor(i / (size / 2))]!",
    replace: "place[1 - Math.floor(i / (size / 2))]!",
    why: "the first half of a head turns with the row",
  },
  {
    name: "detok-rotary-whole-pixels",
    file: ROTARY,
    find: "return count === 1 ? 0 : i / (count - 1);",
    replace: "return i / count;",
    why: "coordinates and exponents run from 0 to 1, both included",
  },
  {
    name: "detok-rotary-without-a-full-turn",
    file: ROTARY,
    find: "2 * Math.PI * frequencies",
    replace: "Math.PI * frequencies",
    why: "frequencies are whole turns over the side",
  },
  {
    name: "detok-norm-epsilon",
    file: TRANSFORMER,
    find: "const NORM_EPS = 1e-6;",
    replace: "const NORM_EPS = 1e-5;",
    why: "RMSNorm's epsilon is 1e-6; LayerNorm's of PyTorch would be 1e-5",
  },
  {
    name: "detok-norm-with-mean",
    file: "model/graph/ops.ts",
    find: 'return g.node("SimplifiedLayerNormalization", [x, g.weight(',
    replace: 'return g.node("LayerNormalization", [x, g.weight(',
    why: "RMSNorm subtracts no mean",
  },
  {
    name: "detok-swiglu-halves-swapped",
    file: TRANSFORMER,
    find: "[silu(g, gate!), value!]",
    replace: "[gate!, silu(g, value!)]",
    why: "silu is of the first half",
  },
  {
    name: "detok-positions-left-out",
    file: TRANSFORMER,
    find: 'const placed = g.node("Add", [sequences, g.weight(`${name}.positional_embedding`)]);',
    replace:
      'const placed = g.node("Add", [sequences, g.node("Mul", [g.weight(`${name}.positional_embedding`), g.float(0)])]);',
    why: "learned positions come beside the rotations",
  },
  {
    name: "detok-attention-of-the-unnormed",
    file: TRANSFORMER,
    find: "new LinearInput(g, rmsNorm(g, x, `${name}.norm1`, NORM_EPS), zeroPoints)",
    replace: "new LinearInput(g, x, zeroPoints)",
    why: "blocks are pre-norm",
  },
  {
    name: "detok-mean-left-out",
    file: GRAPHS,
    find: 'return g.node("Add", [g.node("Mul", [z, std]), mean]);',
    replace: 'return g.node("Mul", [z, mean ? std : std]);',
    why: "the decoder takes z std + mean",
  },
  {
    name: "detok-std-of-the-log-variances",
    file: IMPORTER,
    find: "return values.slice(0, channels);",
    replace: "return values.slice(-channels);",
    why: "the first half of the statistics is that of the means",
  },
  {
    name: "detok-latents-not-normalised",
    file: GRAPHS,
    find: 'return g.node("Div", [g.node("Sub", [z, mean]), std]);',
    replace: 'return g.node("Div", [z, mean ? std : std]);',
    why: "an edit's known tokens are normalised as the generator's",
  },
  {
    name: "detok-log-variance-as-mean",
    file: GRAPHS,
    find: "const [mean] = g.split(",
    replace: "const [, mean] = g.split(",
    why: "the mean is the first half of the moments",
  },
  {
    name: "detok-patches-colour-first",
    file: GRAPHS,
    find: `side, side, 3]));
  const placed = g.node("Transpose", [grid], { attributes: { perm: { ints: [0, 5, 1, 3, 2, 4] } } });`,
    replace: `3, side, side]));
  const placed = g.node("Transpose", [grid], { attributes: { perm: { ints: [0, 3, 1, 4, 2, 5] } } });`,
    why: "a patch's outputs are (p, q, c)",
  },
  {
    name: "detok-patches-transposed",
    file: GRAPHS,
    find: "perm: { ints: [0, 5, 1, 3, 2, 4] }",
    replace: "perm: { ints: [0, 5, 1, 4, 2, 3] }",
    why: "p is the row in a patch",
  },
  {
    name: "detok-pixels-rounded",
    file: GRAPHS,
    find: 'pixelRounding: "truncated",',
    replace: 'pixelRounding: "nearest",',
    why: "the official code cuts bytes off",
  },
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: they stand so in the source
