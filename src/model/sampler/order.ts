import type { SamplingParameters } from "../parameters.js";
import { packLastWord, philox4x32, seedHigh, seedLow } from "./philox.js";

/**
 * The order of an image's tokens: a permutation of 0..L-1 that is consumed from its end, so `order[0 .. masked)` are
 * the positions still unknown.
 */
export function tokenOrder(
  kind: SamplingParameters["order"],
  tokenCount: number,
  seed: number,
  imageIndex: number,
): Int32Array {
  return kind === "raster" ? rasterOrder(tokenCount) : randomOrder(tokenCount, seed, imageIndex);
}

/** Row by row from the top left: the reversed list, because orders are consumed from their end. */
export function rasterOrder(tokenCount: number): Int32Array {
  return Int32Array.from({ length: tokenCount }, (_, i) => tokenCount - 1 - i);
}

/** Every permutation equally likely: Fisher-Yates over unbiased draws of the image's order stream. */
export function randomOrder(tokenCount: number, seed: number, imageIndex: number): Int32Array {
  const order = Int32Array.from({ length: tokenCount }, (_, i) => i);
  const words = orderWords(seed, imageIndex);
  for (let last = tokenCount - 1; last > 0; last--) {
    const pick = uniformBelow(last + 1, words);
    const held = order[last]!;
    order[last] = order[pick]!;
    order[pick] = held;
  }
  return order;
}

/** The words of an image's order stream one after another; the counter's first word counts blocks. */
function orderWords(seed: number, imageIndex: number): () => number {
  const words = new Uint32Array(4);
  const lastWord = packLastWord(imageIndex, "order", 0);
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
