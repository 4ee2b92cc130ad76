import type { Logger } from "pino";
import { type Config, ConfigError } from "../../config.js";
import type { JobQueue, JobSource } from "../../queue/queue.js";

/** The adapter's code, and with it BullMQ, is loaded only where Redis is used. */

/** Rejects with `QueueStartError` when Redis can't be used. */
export async function openRedisQueue(config: Config, command: string, logger: Logger): Promise<JobQueue> {
  const redis = await import("../../queue/redis/redis-queue.js");
  const { redisPrefix, maxQueuedImages, resultTtlS, maxResultBytes, acceptDurable } = config;
  const queue = await redis.openRedisQueue(
    {
      redisUrl: redisUrl(config, command),
      redisPrefix,
      maxQueuedImages,
      resultTtlMs: resultTtlS * 1000,
      maxResultBytes,
      acceptDurable,
    },
    logger,
  );
  logger.info("Connected to Redis, to queue jobs there.");
  return queue;
}

/** Rejects with `QueueStartError` when Redis can't be used. */
export async function openRedisSource(config: Config, command: string, logger: Logger): Promise<JobSource> {
  const redis = await import("../../queue/redis-worker/redis-source.js");
  const { redisPrefix, resultTtlS, maxResultBytes, lockMs } = config;
  const source = await redis.openRedisSource(
    { redisUrl: redisUrl(config, command), redisPrefix, resultTtlMs: resultTtlS * 1000, maxResultBytes, lockMs },
    logger,
  );
  logger.info("Connected to Redis, to take images from there.");
  return source;
}

/** Throws `ConfigError` where the command needs a Redis and none is named. */
export function redisUrl({ redisUrl }: Config, command: string): string {
  if (redisUrl !== undefined) return redisUrl;
  const sentence = `REDIS_URL is not set; marimba ${command} needs the Redis that holds the queue, such as redis://127.0.0.1:6379.`;
  throw new ConfigError([sentence]);
}
