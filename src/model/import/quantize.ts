/** The largest stored magnitude: -128 is left out, so that a weight and its negative are stored alike. */
const LIMIT = 127;
/** Below this a float32 has few digits, and a weight means nothing. */
const SMALLEST_SCALE = 2 ** -126;
const SIGN = 0x80000000;

/**
 * Quantises one output's weights into `quantized` and returns their scale: weight = scale * quantized, rounded to
 * nearest. Zero and zeros, where all weights are.
 */
export function quantizeRow(weights: Float32Array, quantized: Int8Array): number {
  const scale = Math.fround(largestMagnitude(weights) / LIMIT);
  if (scale < SMALLEST_SCALE) {
    quantized.fill(0);
    return 0;
  }
  const perWeight = 1 / scale;
  for (let i = 0; i < weights.length; i++) quantized[i] = ((weights[i]! * perWeight + 128.5) | 0) - 128; // floor(x + 0.5)
  return scale;
}

/** Compares bits: without their sign, floats are ordered as integers are. */
function largestMagnitude(values: Float32Array): number {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  let largest = 0;
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & ~SIGN;
    if (magnitude > largest) largest = magnitude;
  }
  return new Float32Array(Int32Array.of(largest).buffer)[0]!;
}

/**
 * Copies rows of `rows` ([count, inputs]) into columns of `stored` ([inputs, outputs]) from `column` on: many at once, so
 * that what is written lies together.
 */
export function placeColumns(
  rows: Int8Array,
  [count, inputs]: readonly [number, number],
  stored: Int8Array,
  column: number,
  outputs: number,
): void {
  for (let i = 0; i < inputs; i++) {
    const target = i * outputs + column;
    for (let row = 0; row < count; row++) stored[target + row] = rows[row * inputs + i]!;
  }
}
