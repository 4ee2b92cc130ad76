import type { FastifyRequest } from "fastify";

/** The route of all that leads nowhere: paths have no bound, routes do. */
export const UNMATCHED = "unmatched";

/** The pattern of the request's route, such as `/jobs/:id`. */
export function routeOf(request: FastifyRequest): string {
  return request.is404 ? UNMATCHED : (request.routeOptions.url ?? UNMATCHED);
}
