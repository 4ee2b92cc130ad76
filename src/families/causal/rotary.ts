import type { CausalArchitecture } from "../../model/manifest.js";

/**
 * Cosines and sines of the angle by which each position turns each pair of neighbours in a head, [L, pairs]
 * (precompute_freqs_cis_2d of LlamaGen's gpt.py). Position 0 is the class, whose query and key are zero; position i is token i - 1: the
 * first half of the pairs turns with its row, the second with its column.
 */
export function rotaryTable(a: CausalArchitecture) {
  const { width, heads } = a.transformer;
  const half = width / heads / 2; // pairs of a head
  const frequencies = Array.from({ length: half / 2 }, (_, i) => Math.fround(a.rope_base ** ((-2 * i) / half)));
  const cos = new Float32Array(a.token_count * half);
  const sin = new Float32Array(cos.length);
  for (let position = 1; position < a.token_count; position++) {
    const token = position - 1;
    const place = [Math.floor(token / a.grid_width), token % a.grid_width];
    for (let pair = 0; pair < half; pair++) {
      const angle = Math.fround(place[Math.floor(pair / (half / 2))]! * frequencies[pair % (half / 2)]!);
      cos[position * half + pair] = Math.cos(angle);
      sin[position * half + pair] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
