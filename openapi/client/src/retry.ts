import { MarimbaProblem } from "./problem.js";

export interface RetryOptions {
  /** How often a failed request is repeated; 4 when absent. */
  readonly retries?: number;
  /** Milliseconds to wait before the first repetition, doubled each time; 250 when absent. */
  readonly backoffMs?: number;
}

/** No wait is longer unless the server asks for it. */
const LONGEST_BACKOFF_MS = 10_000;
/** If the server asks for a longer wait, the request fails at once. */
const LONGEST_RETRY_AFTER_MS = 60_000;
/** Statuses of temporary problems; others would be answered the same way again. */
const TEMPORARY = new Set([408, 429, 502, 503]);

/**
 * Repeats `call` after broken connections and temporary problems, with a growing wait and never before the server's
 * `Retry-After`. `call` must be safe to repeat.
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
      if (attempt >= retries || !isTemporary(error)) throw error;
      const asked = error instanceof MarimbaProblem ? (error.retryAfterMs ?? 0) : 0;
      await sleep(Math.max(asked, backoff(attempt, backoffMs)), signal);
    }
  }
}

/** `fetch` throws a `TypeError` if there was no response. */
function isTemporary(error: unknown): boolean {
  if (!(error instanceof MarimbaProblem)) return error instanceof TypeError;
  return TEMPORARY.has(error.status ?? 0) && (error.retryAfterMs ?? 0) <= LONGEST_RETRY_AFTER_MS;
}

/** Half of the wait is random, so that clients that failed together do not retry together. */
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
