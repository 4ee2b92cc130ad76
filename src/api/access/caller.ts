import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { JobSpec } from "../../job.js";
import type { CallerLimits } from "../../queue/queue.js";

/** On whose behalf a request is made: the owner of an API key or, on a server without keys, a client address. */
export interface Caller {
  /** Opaque, the same for all requests of one caller: callers take turns by it, and jobs and idempotency keys belong to it. */
  readonly id: string;
  /** For logs and metrics: the API key's name. */
  readonly name: string;
  /** Whether the caller sees the jobs of all callers and the operator's pages. */
  readonly isAdmin: boolean;
  /** Whether an API key proved the caller's identity. An address proves nothing, so it owns nothing. */
  readonly isKnown: boolean;
  /** The API key's limits; absent: only the server's own apply. */
  readonly limits?: CallerLimits;
}

export function callerOf(request: Pick<FastifyRequest, "ip"> & { caller?: Caller | null }): Caller {
  return request.caller ?? anonymous(request.ip);
}

function anonymous(ip: string): Caller {
  const id = createHash("sha256").update(ip).digest("hex").slice(0, 16);
  return { id, name: "anonymous", isAdmin: false, isKnown: false };
}

/** Whether the caller may see the job: with API keys, only its own jobs. */
export function maySee(caller: Caller, spec: Pick<JobSpec, "caller">): boolean {
  return !caller.isKnown || caller.isAdmin || caller.id === spec.caller;
}
