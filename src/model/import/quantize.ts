/** The largest stored magnitude: -128 is left out, so that a weight and its negative are stored alike. */
const LIMIT = 127;
/** Below this a float32 has few digits, and a weight means nothing. */
const SMALLEST_SCALE = 2 ** -126;
/** Without their signs, the bits of floats are ordered as the floats are. */
const MAGNITUDE = 0x7fffffff;
/** Of each of a word's four bytes. */
const SIGNS = 0x80808080;

/** How many outputs `quantizeFour` takes: a word of them is stored at once. */
export const FOUR = 4;

/**
 * Quantises an output's weights into a column of `stored` ([inputs, outputs]), symmetrically and rounded to nearest
 * (floor(x + 0.5)), and returns their scale: weight = scale * stored. Zero and zeros, where all weights are.
 */
export function quantizeOne(weights: Float32Array, stored: Int8Array, column: number, outputs: number): number {
  const bits = new Int32Array(weights.buffer, weights.byteOffset, weights.length);
  let largest = 0;
  for (let i = 0; i < bits.length; i++) largest = Math.max(largest, bits[i]! & MAGNITUDE);
  const scale = scaleOf(largest);
  const perWeight = inverse(scale);
  for (let i = 0, target = column; i < weights.length; i++, target += outputs)
    stored[target] = above(weights[i]! * perWeight) - 128;
  return scale;
}

/** `quantizeOne` of four outputs ([4, inputs]) into neighbouring columns, in half the time; writes their `scales`. */
export function quantizeFour(
  weights: Float32Array,
  stored: Int8Array,
  column: number,
  outputs: number,
  scales: Float32Array,
): void {
  const inputs = weights.length / FOUR;
  const bits = new Int32Array(weights.buffer, weights.byteOffset, weights.length);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < inputs; i++) {
    a = Math.max(a, bits[i]! & MAGNITUDE);
    b = Math.max(b, bits[i + inputs]! & MAGNITUDE);
    c = Math.max(c, bits[i + 2 * inputs]! & MAGNITUDE);
    d = Math.max(d, bits[i + 3 * inputs]! & MAGNITUDE);
  }
  scales.set([scaleOf(a), scaleOf(b), scaleOf(c), scaleOf(d)]);
  const [perA, perB, perC, perD] = [inverse(scales[0]!), inverse(scales[1]!), inverse(scales[2]!), inverse(scales[3]!)];
  const words = new Int32Array(stored.buffer, stored.byteOffset, stored.length / FOUR);
  for (let i = 0, target = column / FOUR; i < inputs; i++, target += outputs / FOUR) {
    const first = above(weights[i]! * perA);
    const second = above(weights[i + inputs]! * perB);
    const third = above(weights[i + 2 * inputs]! * perC);
    const fourth = above(weights[i + 3 * inputs]! * perD);
    words[target] = (first | (second << 8) | (third << 16) | (fourth << 24)) ^ SIGNS; // less 128 each
  }
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

function scaleOf(largestBits: number): number {
  floatBits[0] = largestBits;
  const scale = Math.fround(float[0]! / LIMIT);
  return scale < SMALLEST_SCALE ? 0 : scale;
}

function inverse(scale: number): number {
  return scale === 0 ? 0 : 1 / scale;
}

/** The nearest integer plus 128, which is 1 to 255. */
function above(weight: number): number {
  return (weight + 128.5) | 0;
}
