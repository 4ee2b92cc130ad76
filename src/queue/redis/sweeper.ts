import type { Logger } from "pino";
import type { Reachability } from "../redis-connection/redis-health.js";
import { isPassing } from "../redis-connection/retry.js";
import type { Tokens } from "./leases.js";
import type { Scripts } from "./scripts.js";

const EVERY_MS = 1000;
/** Of all processes, one sweeps within this time. */
const GUARD_MS = 400;

export interface ResultBounds {
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
}

/** Lets sweep.lua mend what crashes left behind, about every second from every process. Returns how to end it. */
export function sweepOften(
  scripts: Scripts,
  tokens: Tokens,
  bounds: ResultBounds,
  logger: Logger,
  reachability?: Reachability,
): () => void {
  let timer: NodeJS.Timeout;
  let ended = false;
  const sweep = async () => {
    try {
      const missing = (await scripts.call("sweep", GUARD_MS, bounds.resultTtlMs, bounds.maxResultBytes)) as (
        | string
        | number
      )[];
      reachability?.answered();
      for (let at = 0; at < missing.length; at += 2) await tokens.add(String(missing[at]), Number(missing[at + 1]));
    } catch (error) {
      if (!ended && isPassing(error)) reachability?.failed("Redis does not answer as it should.");
      if (!ended) logger.debug({ err: error }, "The sweep of the queue failed; the next one follows.");
    }
    schedule();
  };
  const schedule = () => {
    if (ended) return;
    // Spread, so that processes that were started together don't all come at once.
    timer = setTimeout(sweep, EVERY_MS * (0.75 + Math.random() / 2));
    timer.unref();
  };
  schedule();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
