/** Longest delay that a Node timer takes. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves with true once `event` settles, with false after `timeoutMs` or when `signal` aborts. Never rejects. */
export function waitUntil(event: Promise<unknown>, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (happened: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      resolve(happened);
    };
    const happen = () => end(true);
    const giveUp = () => end(false);
    const timer = setTimeout(giveUp, Math.min(timeoutMs, MAX_TIMER_MS));
    signal?.addEventListener("abort", giveUp);
    if (signal?.aborted) giveUp();
    event.then(happen, happen);
  });
}
