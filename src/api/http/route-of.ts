import type { FastifyRequest, RouteOptions } from "fastify";

/** The route of all that leads nowhere: paths have no bound, routes do. */
export const UNMATCHED = "unmatched";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of a file that is a route by itself: the name that it shares with its folder's other files, such as `/docs/*`. */
    folder?: string;
  }
}

/** The pattern of the request's route, such as `/jobs/:id`; for a page's files that of them all. */
export function routeOf({ is404, routeOptions }: FastifyRequest): string {
  return is404 ? UNMATCHED : (routeOptions.config.folder ?? routeOptions.url ?? UNMATCHED);
}

/** For a plugin that makes routes of files: `scope.addHook("onRoute", inFolder("/docs/"))` before it. */
export function inFolder(path: string) {
  return (route: RouteOptions) => {
    if (route.url.startsWith(path)) route.config = { ...route.config, folder: `${path}*` };
  };
}
