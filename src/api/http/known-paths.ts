import type { FastifyInstance, FastifyRequest } from "fastify";
import { Problem } from "../../errors.js";

/**
 * Tells a path that doesn't exist (404) from a method that the path doesn't know (405 with `Allow`); Fastify answers both
 * with 404. To be called before any route is registered.
 */
export function trackPaths(app: FastifyInstance): (request: FastifyRequest) => Problem {
  const methodsByPattern = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    // Preflights are answered everywhere, which makes no path of any.
    if (url === "*") return;
    const methods = methodsByPattern.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    methodsByPattern.set(url, methods);
  });
  const pathOf = (request: FastifyRequest) => request.url.split("?", 1)[0]!;
  return (request) => {
    const path = pathOf(request);
    const allowed = new Set<string>();
    for (const [pattern, methods] of methodsByPattern) {
      if (matches(pattern, path)) for (const method of methods) allowed.add(method);
    }
    // Folders of static files know the method, but not the file.
    if (allowed.size === 0 || allowed.has(request.method)) {
      return new Problem("not_found", "Nothing lives at this address; /docs lists what there is.");
    }
    const allow = [...allowed].sort().join(", ");
    const detail = `${request.method} does not fit this address; it knows ${allow}.`;
    return new Problem("method_not_allowed", detail, { headers: { Allow: allow } });
  };
}

/** Whether a path fits a route's pattern: `:name` stands for one part, a trailing `*` for any rest. */
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
