import type { Redis } from "ioredis";

/**
 * How long a connection may owe an answer before it counts as dead, for ioredis's `socketTimeout`. Longer than any command
 * blocks: BullMQ's BZPOPMIN takes up to 5 s, WAITAOF of the durable fence 4.5 s.
 */
export const SILENCE_MS = 10_000;
const PING_MS = 3000;

/**
 * Pings, so that a connection that is dead without being closed owes an answer even where it only listens, and ioredis
 * replaces it. So do the client's duplicates: a BullMQ worker waits for leases on one.
 */
export function keepPinging(client: Redis): Redis {
  let timer: NodeJS.Timeout;
  client.on("ready", () => {
    // Any answer will do, an error too.
    timer = setInterval(() => client.ping().catch(() => {}), PING_MS).unref();
  });
  client.on("close", () => clearInterval(timer));
  const duplicate = client.duplicate.bind(client);
  client.duplicate = ((options) => keepPinging(duplicate(options))) as typeof duplicate;
  return client;
}
