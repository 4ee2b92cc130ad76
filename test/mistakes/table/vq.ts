import type { Mistake } from "../mistake.js";

const VQ = "tokenizers/vq/vq.ts";
const IMPORTER = "importer/tokenizers/vq.ts";

/** Between a codebook's latents and its autoencoder. */
export const VQ_MISTAKES: readonly Mistake[] = [
  {
    name: "vq-not-quantized",
    file: VQ,
    find: "decodeLatents(g, t, codesAt(g, indices), options)",
    replace: 'decodeLatents(g, t, "latents", options)',
    why: "latents are quantized before they are decoded",
  },
  {
    name: "vq-farthest-code",
    file: VQ,
    find: '"ArgMin"',
    replace: '"ArgMax"',
    why: "the nearest code is that of the least distance",
  },
  {
    name: "vq-sign-of-the-product",
    file: VQ,
    find: "g.float(-2)",
    replace: "g.float(2)",
    why: "the distance is |z|² - 2 z e + |e|²",
  },
  {
    name: "vq-half-the-product",
    file: VQ,
    find: "g.float(-2)",
    replace: "g.float(-1)",
    why: "the distance is |z|² - 2 z e + |e|²",
  },
  {
    name: "vq-codes-of-one-length",
    file: VQ,
    find: "[latents, kernel, squares]",
    replace: "[latents, kernel]",
    why: "codes have lengths of their own, which count in the distance",
  },
  {
    name: "vq-length-for-its-square",
    file: VQ,
    find: '"ReduceSumSquare"',
    replace: '"ReduceL2"',
    why: "distances are squared",
  },
  {
    name: "vq-last-of-equal-codes",
    file: VQ,
    find: "attributes: { axis: { int: 1 }, keepdims: { int: 0 } }",
    replace: "attributes: { axis: { int: 1 }, keepdims: { int: 0 }, select_last_index: { int: 1 } }",
    why: "PyTorch's argmin takes the first",
  },
  {
    name: "vq-distance-to-normalised-codes",
    file: VQ,
    find: "const codebook = g.weight(CODEBOOK);",
    replace: 'const codebook = g.node("LpNormalization", [g.weight(CODEBOOK)]);',
    why: "this codebook is not l2-normalised, LlamaGen's is",
  },
  {
    name: "vq-normalised-codes-decoded",
    file: VQ,
    find: "gather(g, g.weight(CODEBOOK), indices)",
    replace: 'gather(g, g.node("LpNormalization", [g.weight(CODEBOOK)]), indices)',
    why: "this codebook is not l2-normalised, LlamaGen's is",
  },
  {
    name: "vq-rows-for-columns",
    file: VQ,
    find: "perm: { ints: [0, 3, 1, 2] }",
    replace: "perm: { ints: [0, 3, 2, 1] }",
    why: "codes lie as their indices do",
  },
  {
    name: "vq-latents-quantized-in-the-encoder",
    file: VQ,
    find: "const latents = encodeImage(g, t, options);",
    replace: "const latents = codesAt(g, nearestCodes(g, encodeImage(g, t, options)));",
    why: "generators make latents as they are before quantization",
  },
  {
    name: "vq-scaled",
    file: IMPORTER,
    find: "scale = 1",
    replace: "scale = 0.18215",
    why: "a codebook's latents are not scaled",
  },
  {
    name: "vq-with-moments",
    file: IMPORTER,
    find: "const LATENTS = 1;",
    replace: "const LATENTS = 2;",
    why: "the encoder gives no variance",
  },
];
