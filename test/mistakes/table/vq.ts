import type { Mistake } from "../mistake.js";

const VQ = "tokenizers/vq/vq.ts";
const IMPORTER = "importer/tokenizers/vq.ts";
const NAMES = "importer/tokenizers/reference-names.ts";

/** Between a codebook's latents and its autoencoder. */
export const VQ_MISTAKES: readonly Mistake[] = [
  {
    name: "vq-not-quantized",
    file: VQ,
    find: "decodeLatents(g, t, codesAt(g, codebook, indices), options)",
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
    name: "vq-normalised-codes",
    file: VQ,
    find: 't.l2_norm ? g.node("LpNormalization", [codebook]) : codebook',
    replace: 'g.node("LpNormalization", [codebook])',
    why: "latent diffusion's codebook is not l2-normalised, LlamaGen's is",
  },
  {
    name: "vq-codes-as-they-are",
    file: VQ,
    find: 't.l2_norm ? g.node("LpNormalization", [codebook]) : codebook',
    replace: "codebook",
    why: "LlamaGen's codebook is l2-normalised",
  },
  {
    name: "vq-decoded-codes-as-they-are",
    file: VQ,
    find: "decodeLatents(g, t, codesAt(g, codebook, indices), options)",
    replace: "decodeLatents(g, t, codesAt(g, g.weight(CODEBOOK), indices), options)",
    why: "LlamaGen decodes the normalised codes, too",
  },
  {
    name: "vq-l1-norm",
    file: VQ,
    find: 'g.node("LpNormalization", [codebook])',
    replace: 'g.node("LpNormalization", [codebook], { attributes: { p: { int: 1 } } })',
    why: "LlamaGen's codes have an l2 norm of one",
  },
  {
    name: "vq-normalised-channels",
    file: VQ,
    find: 'g.node("LpNormalization", [codebook])',
    replace: 'g.node("LpNormalization", [codebook], { attributes: { axis: { int: 0 } } })',
    why: "each code is normalised by itself",
  },
  {
    name: "llamagen-for-latent-diffusion",
    file: NAMES,
    find: '"decoder.conv_blocks."',
    replace: '"decoder.up_blocks."',
    why: "LlamaGen's names say that its codes are normalised",
  },
  {
    name: "llamagen-attention-of-another-level",
    file: NAMES,
    find: "levels - 1 - level",
    replace: "level",
    why: "LlamaGen counts the decoder's levels from the smallest image, which has attention",
  },
  {
    name: "llamagen-middle-block-twice",
    file: NAMES,
    find: '[/\\.mid\\.0\\./, ".mid.block_1."]',
    replace: '[/\\.mid\\.0\\./, ".mid.block_2."]',
    why: "the middle is a residual block, attention and another block",
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
    replace: "const c = readCodebook(g, t), latents = codesAt(g, c, nearestCodes(g, c, encodeImage(g, t, options)));",
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
