import { setTimeout as delay } from "node:timers/promises";

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1000;

/**
 * Errors of a Redis that can't do now what it can do later. NOSCRIPT is one: ioredis sends a script again that Redis does
 * not hold, but of several calls at once only the first, and Redis keeps no script while it refuses them.
 */
const PASSING =
  /^(OOM|MISCONF|NOSCRIPT|LOADING|READONLY|NOREPLICAS|MASTERDOWN|BUSY|UNBLOCKED|CLUSTERDOWN|MOVED|ASK|TRYAGAIN)\b/;
const CONNECTION =
  /Connection is closed|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|Command timed out|writeable|max retries|Cluster isn't ready|Too many Cluster redirections|None of startup nodes|refresh slots cache/;

export function isPassing(error: unknown): boolean {
  return error instanceof Error && (PASSING.test(error.message) || CONNECTION.test(error.message));
}

/**
 * Calls until the call succeeds, with growing pauses, as long as `giveUp` has not aborted. Errors that may not pass are
 * reported and tried again all the same: a worker that gave up on its image would leave the image to nobody.
 */
export async function retry<T>(
  call: () => Promise<T>,
  giveUp: AbortSignal,
  onUnexpected: (error: unknown) => void,
): Promise<T> {
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    try {
      return await call();
    } catch (error) {
      if (giveUp.aborted) throw error;
      if (!isPassing(error)) onUnexpected(error);
      await delay(delayMs, undefined, { signal: giveUp });
    }
  }
}
