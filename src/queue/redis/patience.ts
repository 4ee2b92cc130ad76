import { setTimeout as delay } from "node:timers/promises";

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1000;

/** What Redis says while it can't do now what it can do later. */
const PASSING = /^(OOM|MISCONF|LOADING|READONLY|NOREPLICAS|MASTERDOWN|BUSY|UNBLOCKED|CLUSTERDOWN)\b/;
const CONNECTION =
  /Connection is closed|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|Command timed out|writeable|max retries/;

export function isPassing(error: unknown): boolean {
  return error instanceof Error && (PASSING.test(error.message) || CONNECTION.test(error.message));
}

/** Calls until it succeeds, with growing pauses, as long as what hinders it may pass and `giveUp` has not aborted. */
export async function patiently<T>(call: () => Promise<T>, giveUp: AbortSignal): Promise<T> {
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    try {
      return await call();
    } catch (error) {
      if (giveUp.aborted || !isPassing(error)) throw error;
      await delay(delayMs, undefined, { signal: giveUp });
    }
  }
}
