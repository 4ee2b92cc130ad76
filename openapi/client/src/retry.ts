import { MarimbaProblem } from "./problem.js";

export interface RetryOptions {
  /** Maximum number of retries (default 4). */
  readonly retries?: number;
  /** Milliseconds before the first retry, doubled each time (default 250). */
  readonly backoffMs?: number;
}

/** Longest delay, unless the server requests a longer one. */
const LONGEST_BACKOFF_MS = 10_000;
/** If the server requests a longer delay, the client gives up. */
const LONGEST_RETRY_AFTER_MS = 60_000;
/** Temporary errors; any other request would fail again. */
const PASSING = new Set([408, 429, 502, 503]);

/**
 * Calls until it succeeds: retries after a broken connection and after temporary errors, with growing delays and never
 * before the server's `Retry-After`. `call` must be safe to repeat.
 */
export async function withRetries<Result>(
  call: () => Promise<Result>,
  { retries = 4, backoffMs = 250 }: RetryOptions,
  signal: AbortSignal | undefined,
): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= retries || !mayPass(error)) throw error;
      const asked = error instanceof MarimbaProblem ? (error.retryAfterMs ?? 0) : 0;
      await sleep(Math.max(asked, backoff(attempt, backoffMs)), signal);
    }
  }
}

/** `fetch` throws a `TypeError` if there was no response. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof MarimbaProblem)) return error instanceof TypeError;
  return PASSING.has(error.status ?? 0) && (error.retryAfterMs ?? 0) <= LONGEST_RETRY_AFTER_MS;
}

/** Half of the delay is random, so that clients that failed together do not return together. */
export function backoff(attempt: number, firstMs: number): number {
  const fullMs = Math.min(firstMs * 2 ** attempt, LONGEST_BACKOFF_MS);
  return fullMs / 2 + (Math.random() * fullMs) / 2;
}

/** Rejects with the signal's reason when it aborts. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
