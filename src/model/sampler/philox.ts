/**
 * Philox 4x32-10, a counter-based generator (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011):
 * the same key and counter always give the same four words, so no draw depends on what was drawn before it.
 */
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of the 64-bit product of two unsigned words (the low ones are `Math.imul`). */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/** Writes the four words of counter (c0..c3) under key (k0, k1) to `out`. Allocates nothing. */
export function philox4x32(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
): void {
  let x0 = c0 | 0;
  let x1 = c1 | 0;
  let x2 = c2 | 0;
  let x3 = c3 | 0;
  let key0 = k0 | 0;
  let key1 = k1 | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, x0);
    const low0 = Math.imul(MULTIPLIER_0, x0);
    const high1 = multiplyHigh(MULTIPLIER_1, x2);
    const low1 = Math.imul(MULTIPLIER_1, x2);
    x0 = high1 ^ x1 ^ key0;
    x1 = low1;
    x2 = high0 ^ x3 ^ key1;
    x3 = low0;
    key0 = (key0 + WEYL_0) | 0;
    key1 = (key1 + WEYL_1) | 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/** What a draw is for. The order stream has no diffusion steps: its field says which order is drawn, as `ORDERS` names them. */
export const STREAMS = { order: 0, noise: 1 } as const;
export type Stream = keyof typeof STREAMS;

/** The order in which an image's tokens are sampled, and the one in which an edit of low strength chooses tokens. */
export const ORDERS = { sampling: 0, edit: 1 } as const;

/**
 * How a draw is named. Key: the seed (53 bits: low word, then the 21 above it). Counter: one word each for the
 * channel block, the token and the AR step; the last word holds image index, stream and diffusion step side by side.
 * Every field has its own bits, so no two draws of a seed share a counter as long as the bounds below hold.
 */
export const DRAW_BOUNDS = {
  seed: 2 ** 53,
  channelBlock: 2 ** 32,
  token: 2 ** 32,
  /** The last one is `DECODER_STEP`. */
  arStep: 2 ** 32 - 1,
  /** 10 bits: x_T and 1000 diffusion steps are 1001 values. */
  diffusionStep: 2 ** 10,
  /** 21 bits. */
  imageIndex: 2 ** 21,
} as const;

/** Stands in place of the AR step where a decoder draws noise: for each of its steps (as a diffusion step) and pixels (as tokens). */
export const DECODER_STEP = DRAW_BOUNDS.arStep;

export const seedLow = (seed: number): number => seed % 2 ** 32;
export const seedHigh = (seed: number): number => Math.floor(seed / 2 ** 32);

/** The counter's last word: image index [31..11], stream [10], diffusion step [9..0]. */
export function packLastWord(imageIndex: number, stream: Stream, diffusionStep: number): number {
  return ((imageIndex << 11) | (STREAMS[stream] << 10) | diffusionStep) >>> 0;
}
