import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { RedisAccess } from "./start-check.js";

/** How soon a subscription that Redis has refused is tried again. */
const RENEW_MS = 1000;

/**
 * Opens a connection that listens on one channel, and again after each break. Rejects where that fails the first time.
 * `onRenewed` is called after a break, once it listens again: messages may have been missed.
 */
export async function subscribe(
  redis: RedisAccess,
  channel: string,
  on: { message(message: string): void; renewed?(): void },
  logger: Logger,
): Promise<Redis> {
  // ioredis would leave the rejection of its own renewal to nobody.
  const subscriber = redis.connectToAny({ maxRetriesPerRequest: null, autoResubscribe: false });
  subscriber.on("error", (error) => logger.debug({ err: error }, "The subscription to Redis reported an error."));
  subscriber.on("message", (_, message) => on.message(message));
  await subscriber.subscribe(channel);
  const renew = () => {
    subscriber.subscribe(channel).then(
      () => on.renewed?.(),
      (error) => {
        logger.warn({ err: error }, "The subscription to Redis could not be renewed; it will be tried again.");
        // If the connection is lost, it will be ready again.
        if (subscriber.status === "ready") setTimeout(renew, RENEW_MS).unref();
      },
    );
  };
  subscriber.on("ready", renew);
  return subscriber;
}
