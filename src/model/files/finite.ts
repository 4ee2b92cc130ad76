/** Whether every value is a finite number. */
export function areFinite(values: Float32Array): boolean {
  return Number.isFinite(sum(values));
}

/**
 * Is no finite number where a value is none, and is finite elsewhere: float32 values do not overflow float64. Four sums
 * at once, since each addition waits for the one before.
 */
function sum(values: Float32Array): number {
  const even = values.length - (values.length % 4);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < even; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (let i = even; i < values.length; i++) a += values[i]!;
  return a + b + c + d;
}
