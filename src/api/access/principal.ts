import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { JobSpec } from "../../job.js";
import type { CallerLimits } from "../../queue/queue.js";

/** Who a request speaks for. */
export interface Principal {
  /**
   * Opaque, the same for all requests of one caller: waiting callers share the workers fairly by it, and jobs,
   * results and idempotency keys belong to it.
   */
  readonly id: string;
  /** For logs and metrics: the API key's name. */
  readonly name: string;
  /** Sees the jobs of all callers, and the operator's pages. */
  readonly isAdmin: boolean;
  /** Whether the caller proved who it is; an address proves nothing, so it owns nothing. */
  readonly isKnown: boolean;
  /** What its key allows; absent: as much as the server does. */
  readonly limits?: CallerLimits;
}

/** Who the request's key belongs to; where no keys are asked for, an address is a caller. */
export function principalOf(request: Pick<FastifyRequest, "ip"> & { principal?: Principal | null }): Principal {
  return request.principal ?? anonymous(request.ip);
}

function anonymous(ip: string): Principal {
  const id = createHash("sha256").update(ip).digest("hex").slice(0, 16);
  return { id, name: "anonymous", isAdmin: false, isKnown: false };
}

/** Whether the caller may see the job: who is known sees its own only, and nobody's job is told from none. */
export function maySee(principal: Principal, { caller }: Pick<JobSpec, "caller">): boolean {
  return !principal.isKnown || principal.isAdmin || principal.id === caller;
}
