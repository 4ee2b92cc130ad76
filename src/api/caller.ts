import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";

/**
 * Who asks: opaque, the same for all requests of one caller. Waiting callers share the workers fairly, and an
 * idempotency key belongs to its caller. For now an address is a caller; once there are API keys, a key is.
 */
export function callerOf({ ip }: Pick<FastifyRequest, "ip">): string {
  return createHash("sha256").update(ip).digest("hex").slice(0, 16);
}
