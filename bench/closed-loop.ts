/**
 * Does pieces 0 .. total-1 of work with `concurrency` of them under way at any time: whoever is done starts the next.
 * Resolves with the milliseconds from the first start to the last end; rejects as soon as a piece does.
 */
export async function closedLoop(
  total: number,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const lane = async () => {
    while (next < total) await work(next++);
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: Math.min(concurrency, total) }, lane));
  return performance.now() - startMs;
}
