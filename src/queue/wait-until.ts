/** Longest delay that a Node timer takes. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves when `change` does, after `timeoutMs`, or when `signal` aborts. */
export function unlessOver(change: Promise<void>, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(timeoutMs, MAX_TIMER_MS));
    signal?.addEventListener("abort", end);
    void change.then(end);
  });
}
