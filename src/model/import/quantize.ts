/** The largest stored magnitude: -128 is left out, so that a weight and its negative are stored alike. */
const LIMIT = 127;

/**
 * Writes one output's weights as int8 into its column of `stored` ([in, out], `outputs` columns) and returns their scale:
 * weight = scale * stored, rounded to nearest.
 */
export function quantizeRow(weights: Float32Array, stored: Int8Array, column: number, outputs: number): number {
  let largest = 0;
  for (let i = 0; i < weights.length; i++) largest = Math.max(largest, Math.abs(weights[i]!));
  const scale = Math.fround(largest / LIMIT);
  if (scale === 0) return 0;
  for (let i = 0; i < weights.length; i++) {
    const rounded = Math.round(weights[i]! / scale);
    stored[i * outputs + column] = Math.max(-LIMIT, Math.min(LIMIT, rounded));
  }
  return scale;
}
