import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { Problem } from "../../errors.js";
import { openAiHint, speaksOpenAi } from "../openai/error.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** For a static file, which is a route of its own: the name it shares with its folder's other files, such as `/docs/*`. */
    folder?: string;
  }
}

/** The route of every unknown path: paths are unbounded, routes are few. */
export const UNMATCHED = "unmatched";

/** The pattern of the request's route, such as `/jobs/:id`, or the folder of a static file. */
export function routeOf({ is404, routeOptions }: FastifyRequest): string {
  return is404 ? UNMATCHED : (routeOptions.config.folder ?? routeOptions.url ?? UNMATCHED);
}

/** For a plugin that registers files as routes: `scope.addHook("onRoute", inFolder("/docs/"))` before it. */
export function inFolder(path: string) {
  return (route: RouteOptions) => {
    if (route.url.startsWith(path)) route.config = { ...route.config, folder: `${path}*` };
  };
}

/** Whether a slash too many made a route's last parameter empty: `/models/` is not a model's address. */
export function hasTrailingSlash(request: FastifyRequest): boolean {
  return pathOf(request).endsWith("/") && /:[^/]+$/.test(request.routeOptions.url ?? "");
}

/**
 * Distinguishes an unknown path (404) from a known path with the wrong method (405 with `Allow`); Fastify answers 404 to
 * both. Call it before any route is registered.
 */
export function trackPaths(app: FastifyInstance, publicPath: string): (request: FastifyRequest) => Problem {
  const methodsByPattern = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    // The route of preflights, which matches every path.
    if (url === "*") return;
    const methods = methodsByPattern.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    methodsByPattern.set(url, methods);
  });
  const patternsOf = (path: string) => [...methodsByPattern.keys()].filter((pattern) => matches(pattern, path));
  return (request) => {
    const path = pathOf(request);
    const allowed = new Set(patternsOf(path).flatMap((pattern) => [...methodsByPattern.get(pattern)!]));
    // A folder of static files matches every path below it, whether the file exists or not.
    if (allowed.size === 0 || allowed.has(request.method)) {
      const trimmed = path.replace(/(?<!\/)\/+$/, "");
      const isKnown = trimmed !== path && patternsOf(trimmed).length > 0;
      const otherHint = speaksOpenAi(path) ? openAiHint(path, publicPath) : `${publicPath}/docs lists all addresses.`;
      const hint = isKnown ? `Did you mean ${publicPath}${trimmed}?` : otherHint;
      return new Problem("not_found", `There is no such address. ${hint}`);
    }
    const allow = [...allowed].sort().join(", ");
    const detail = `This address does not support ${request.method}, only ${allow}.`;
    return new Problem("method_not_allowed", detail, { headers: { Allow: allow } });
  };
}

/** Some proxies remove the public path before they pass a request on, others can't. */
export function withoutPublicPath(url: string, publicPath: string): string {
  return publicPath !== "" && url.startsWith(`${publicPath}/`) ? url.slice(publicPath.length) : url;
}

function pathOf({ url }: FastifyRequest): string {
  return url.split("?", 1)[0]!;
}

/** Whether a path fits a route's pattern: `:name` stands for one part, a trailing `*` for the rest. */
function matches(pattern: string, path: string): boolean {
  const parts = path.split("/");
  const wanted = pattern.split("/");
  if (wanted.at(-1) === "*") {
    wanted.pop();
    if (parts.length <= wanted.length) return false;
    parts.length = wanted.length;
  }
  return (
    parts.length === wanted.length && wanted.every((want, i) => want === parts[i] || (want[0] === ":" && parts[i]))
  );
}
