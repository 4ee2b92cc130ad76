import type { Redis } from "ioredis";

/**
 * How long a connection may owe an answer before it counts as dead and is replaced. Longer than any command blocks: BullMQ's
 * BZPOPMIN takes up to 5 s, WAITAOF of the durable fence 4.5 s.
 */
export const SILENCE_MS = 10_000;
const PING_MS = 3000;

/**
 * Asks for a sign of life, so that a connection that went dead without being closed owes an answer even while nothing else
 * is asked of it, as a subscription does. ioredis's `socketTimeout` of `SILENCE_MS` then replaces the connection.
 */
export function keepAsking(client: Pick<Redis, "status" | "ping" | "once">): void {
  const timer = setInterval(() => {
    // Any answer will do, an error too.
    if (client.status === "ready") client.ping().catch(() => {});
  }, PING_MS).unref();
  client.once("end", () => clearInterval(timer));
}
