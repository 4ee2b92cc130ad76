/** The q-quantile of the values, interpolated linearly. Throws `RangeError` without values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError("There are no values to take a quantile of.");
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median of the rounds' ratios: a disturbance slows both sides of its round. */
export function pairedRatio(over: readonly number[], under: readonly number[]): number {
  return median(over.map((value, round) => value / under[round]!));
}

/** A table's row for each side: its median, its rounds, and its ratio over the side `over`; milliseconds with so many digits. */
export function roundsRows(times: ReadonlyMap<string, readonly number[]>, over: string, digits: number): string[][] {
  return [...times].map(([side, ms]) => [
    side,
    `${median(ms).toFixed(digits)} ms`,
    ms.map((one) => one.toFixed(digits)).join(" "),
    pairedRatio(ms, times.get(over)!).toFixed(2),
  ]);
}

/** The 95 % Wilson interval of a share: `hits` successes in `of` trials. */
export function wilsonInterval(hits: number, of: number): { low: number; high: number } {
  const z = 1.96;
  const share = hits / of;
  const centre = (share + z ** 2 / (2 * of)) / (1 + z ** 2 / of);
  const half = (z / (1 + z ** 2 / of)) * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  return { low: centre - half, high: centre + half };
}
