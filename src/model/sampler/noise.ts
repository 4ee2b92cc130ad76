import { packLastWord, philox4x32, seedHigh, seedLow } from "./philox.js";

const TWO_PI = 2 * Math.PI;
const TWO_POW_MINUS_32 = 2 ** -32;

/** Numbers that one Philox counter gives: four words, so four normals. */
export const NORMALS_PER_BLOCK = 4;

/** The noise of one image: standard normals that depend on (seed, image index) and on where they are used alone. */
export class ImageNoise {
  readonly #key0: number;
  readonly #key1: number;
  readonly #lastWord: number;
  readonly #words = new Uint32Array(NORMALS_PER_BLOCK);
  readonly #normals = new Float64Array(NORMALS_PER_BLOCK);

  constructor(seed: number, imageIndex: number) {
    this.#key0 = seedLow(seed);
    this.#key1 = seedHigh(seed);
    this.#lastWord = packLastWord(imageIndex, "noise", 0);
  }

  /**
   * Writes the `channels` normals of one token in one diffusion step to `out` from `offset` on. `draw` 0 is x_T; draw
   * k + 1 is the noise that diffusion step k (counted from the noisy end) adds.
   */
  fill(out: Float32Array, offset: number, channels: number, arStep: number, token: number, draw: number): void {
    const lastWord = this.#lastWord | draw;
    for (let channel = 0; channel < channels; channel += NORMALS_PER_BLOCK) {
      philox4x32(channel / NORMALS_PER_BLOCK, token, arStep, lastWord, this.#key0, this.#key1, this.#words);
      boxMuller(this.#words, this.#normals);
      const count = Math.min(NORMALS_PER_BLOCK, channels - channel);
      for (let i = 0; i < count; i++) out[offset + channel + i] = this.#normals[i]!;
    }
  }

  /**
   * A uniform number in [0, 1) with 53 bits, where no diffusion draws normals for the token: what its code is drawn by, or the noise of
   * the confidence in the code.
   */
  uniform(arStep: number, token: number, use: "code" | "confidence" = "code"): number {
    philox4x32(0, token, arStep, this.#lastWord, this.#key0, this.#key1, this.#words);
    const first = use === "code" ? 0 : 2;
    const [high, low] = [this.#words[first]! >>> 5, this.#words[first + 1]! >>> 6];
    return (high * 2 ** 26 + low) * 2 ** -53;
  }
}

/** Four words to four standard normals in float64 (Box and Muller, 1958). */
export function boxMuller(words: Uint32Array, normals: Float64Array): void {
  for (let pair = 0; pair < NORMALS_PER_BLOCK; pair += 2) {
    // (0, 1], so that the logarithm is finite.
    const u = (words[pair]! + 1) * TWO_POW_MINUS_32;
    const angle = words[pair + 1]! * TWO_POW_MINUS_32 * TWO_PI;
    const radius = Math.sqrt(-2 * Math.log(u));
    normals[pair] = radius * Math.cos(angle);
    normals[pair + 1] = radius * Math.sin(angle);
  }
}
