import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { isNewer, modelOf } from "../redis/replies.js";

const EVERY_MS = 60_000;

/**
 * Says in the log when images of this worker's models wait that only workers of a newer release can make, as after a
 * release was taken back: nobody else would tell why they wait. Returns how to end it.
 */
export function lookForNewerJobs(
  client: Redis,
  redisPrefix: string,
  models: readonly string[],
  logger: Logger,
): () => void {
  const told = new Set<string>();
  const look = async () => {
    try {
      const queues = await client.smembers(`${redisPrefix}::queues`);
      for (const queue of queues.filter((one) => isNewer(one) && models.includes(modelOf(one)))) {
        const waiting = Number(await client.hget(`${redisPrefix}::line:${queue}`, "waiting"));
        if (waiting > 0 && !told.has(queue)) {
          const why =
            "Images wait that a newer release accepted: this worker can't read their jobs and leaves them to one of that release.";
          logger.warn({ queue, waiting }, why);
        }
        if (waiting > 0) told.add(queue);
        else told.delete(queue);
      }
    } catch (error) {
      logger.debug({ err: error }, "Could not look for jobs of newer releases.");
    }
  };
  void look();
  const timer = setInterval(look, EVERY_MS).unref();
  return () => clearInterval(timer);
}
