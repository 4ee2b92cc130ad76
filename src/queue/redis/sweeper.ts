import type { Logger } from "pino";
import type { RedisHealth } from "../redis-connection/redis-health.js";
import { isPassing } from "../redis-connection/retry.js";
import type { Leases } from "./leases.js";
import type { Scripts } from "./scripts.js";

const EVERY_MS = 1000;
/** At most one process sweeps in this interval. */
const GUARD_MS = 400;

export interface ResultBounds {
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
}

/** What `sweep` in operator-calls.lua returns. */
type SweepReply = readonly (readonly [queue: string, waitingImages: number, boundLeases: readonly string[]])[];

/**
 * About every second, from every process: ends jobs past their deadline, drops results past their time, and sees to it that
 * there is one lease for each image, whatever a process that died left undone. Returns how to stop.
 */
export function startSweeping(
  scripts: Scripts,
  leases: Leases,
  { resultTtlMs, maxResultBytes }: ResultBounds,
  logger: Logger,
  redisHealth?: RedisHealth,
): () => void {
  let timer: NodeJS.Timeout;
  let ended = false;
  const sweep = async () => {
    try {
      const queues = (await scripts.call("sweep", GUARD_MS, resultTtlMs, maxResultBytes)) as SweepReply;
      redisHealth?.answered();
      for (const [queue, waitingImages, bound] of queues) {
        for (const lost of await leases.balance(queue, waitingImages, bound)) {
          logger.warn({ queue, lease: lost }, "BullMQ has lost a lease; its image waits again.");
          await scripts.call("reclaim", queue, lost);
        }
      }
    } catch (error) {
      if (!ended && isPassing(error)) redisHealth?.failed("Redis does not answer as it should.");
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
