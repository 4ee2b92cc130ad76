/** Cycles over the image's side of the fastest and the slowest rotation (get_rope_tensor of models/detok.py). */
const MAX_FREQUENCY = 7;
const MIN_FREQUENCY = 7e-4;

/**
 * Cosines and sines of the angle by which each token turns each number of a head, [tokens, size]. The first half of the numbers turns
 * with the token's row, the second with its column; in each half the frequencies stand twice, one series after the other.
 */
export function rotaryTable(size: number, grid: { readonly rows: number; readonly columns: number }) {
  const count = size / 4;
  const frequencies = Array.from(
    { length: count },
    (_, i) => MAX_FREQUENCY * (MAX_FREQUENCY / MIN_FREQUENCY) ** -share(i, count),
  );
  const cos = new Float32Array(grid.rows * grid.columns * size);
  const sin = new Float32Array(cos.length);
  for (let token = 0; token < grid.rows * grid.columns; token++) {
    const place = [share(Math.floor(token / grid.columns), grid.rows), share(token % grid.columns, grid.columns)];
    for (let i = 0; i < size; i++) {
      const angle = 2 * Math.PI * frequencies[i % count]! * place[Math.floor(i / (size / 2))]!;
      cos[token * size + i] = Math.cos(angle);
      sin[token * size + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** Of `count` evenly spaced numbers from 0 to 1, number i. */
function share(i: number, count: number): number {
  return count === 1 ? 0 : i / (count - 1);
}
