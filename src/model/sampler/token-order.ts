import { sampledTokenCount } from "../edit.js";
import type { MarArchitecture } from "../manifest.js";
import type { SamplingParameters } from "../parameters.js";
import { ORDERS, packLastWord, philox4x32, seedHigh, seedLow } from "./philox.js";

/**
 * The order of an image's tokens: a permutation of 0..L-1 that is consumed from its end, so `order[0 .. masked)` are
 * the positions still unknown.
 */
export function tokenOrder(
  kind: SamplingParameters["order"],
  { token_count: tokenCount, grid_width: width }: Pick<MarArchitecture, "token_count" | "grid_width">,
  seed: number,
  imageIndex: number,
): Int32Array {
  if (kind === "raster") return rasterOrder(tokenCount);
  const order = randomOrder(tokenCount, seed, imageIndex);
  return kind === "checkerboard" ? checkerboardOrder(order, width) : order;
}

/** Row by row from the top left: the reversed list, because orders are consumed from their end. */
export function rasterOrder(tokenCount: number): Int32Array {
  return Int32Array.from({ length: tokenCount }, (_, i) => tokenCount - 1 - i);
}

/**
 * Three subsets one after another, each in the order it had: row + column = 0 mod 4, then 2 mod 4, then the odd ones
 * (Yan et al., "Generation then Reconstruction", arXiv 2510.17171, algorithm 1 with K = 3). Consumed from its end.
 */
function checkerboardOrder(order: Int32Array, width: number): Int32Array {
  const diagonal = (position: number) => Math.floor(position / width) + (position % width);
  const subset = (isIn: (sum: number) => boolean) => order.filter((position) => isIn(diagonal(position)));
  const last = subset((sum) => sum % 2 === 1);
  const second = subset((sum) => sum % 4 === 2);
  const first = subset((sum) => sum % 4 === 0);
  return Int32Array.of(...last, ...second, ...first);
}

/** Every permutation equally likely: Fisher-Yates over unbiased draws of the image's order stream. */
function randomOrder(
  tokenCount: number,
  seed: number,
  imageIndex: number,
  which: keyof typeof ORDERS = "sampling",
): Int32Array {
  const order = Int32Array.from({ length: tokenCount }, (_, i) => i);
  const words = orderWords(seed, imageIndex, which);
  for (let last = tokenCount - 1; last > 0; last--) {
    const pick = uniformBelow(last + 1, words);
    const held = order[last]!;
    order[last] = order[pick]!;
    order[pick] = held;
  }
  return order;
}

/**
 * The masked tokens that an edit samples again: as many as its strength asks for, any of them equally likely; every one
 * at strength 1. `masked` is [L], 1 where a token is masked. -> the same for the tokens to sample
 */
export function tokensToSample(masked: Uint8Array, strength: number, seed: number, imageIndex: number): Uint8Array {
  const isChosen = new Uint8Array(masked.length);
  const order = randomOrder(masked.length, seed, imageIndex, "edit").filter((token) => masked[token]);
  for (const token of order.subarray(0, sampledTokenCount(masked, strength))) isChosen[token] = 1;
  return isChosen;
}

/** The words of an image's order stream one after another; the counter's first word counts blocks. */
function orderWords(seed: number, imageIndex: number, which: keyof typeof ORDERS): () => number {
  const words = new Uint32Array(4);
  const lastWord = packLastWord(imageIndex, "order", ORDERS[which]);
  let block = 0;
  let used = 4;
  return () => {
    if (used === 4) {
      philox4x32(block++, 0, 0, lastWord, seedLow(seed), seedHigh(seed), words);
      used = 0;
    }
    return words[used++]!;
  };
}

/** A whole number in [0, bound): words above the largest multiple of `bound` are drawn again. */
export function uniformBelow(bound: number, nextWord: () => number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  let word = nextWord();
  while (word >= limit) word = nextWord();
  return word % bound;
}
