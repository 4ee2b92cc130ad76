import rateLimit from "@fastify/rate-limit";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { Problem } from "../../errors.js";
import { isLoopback } from "../../telemetry/listening.js";
import type { Api, ApiDeps } from "../deps.js";
import type { HttpLimits } from "../http/limits.js";
import { type Credentials, readCredentials } from "./credentials.js";
import type { Principal } from "./principal.js";
import { asksForThisMachine, isFromThisMachine } from "./this-machine.js";

/** Who may use a route: anybody, whoever has a key, or whoever has an admin's. */
export type Access = "open" | "user" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    /** `user` when absent: a route that nobody thought about is closed. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Null on open routes, and where the server asks for no keys. */
    principal: Principal | null;
  }
}

/** Of a route that needs no key. */
export const OPEN = { access: "open" } as const satisfies { access: Access };
/** Of an operator's route. A server without keys listens on loopback there, and answers this machine alone. */
export const ADMIN = { access: "admin" } as const satisfies { access: Access };

/** For routes that a plugin registers: `scope.addHook("onRoute", withAccess(OPEN))` before it. */
export function withAccess(config: { readonly access: Access }) {
  return (route: RouteOptions) => {
    route.config = { ...route.config, ...config };
  };
}

/** Lets requests through that their route's access allows, and says who they speak for; refuses the rest. */
export async function authenticate(
  app: Api,
  { keys, config }: Pick<ApiDeps, "keys" | "config">,
  limits: HttpLimits,
): Promise<void> {
  app.decorateRequest("principal", null);
  if (!keys) {
    const isHere = isLoopback(config.host);
    if (isHere && config.allowAnonymous === 0) app.addHook("onRequest", refuseOtherHosts);
    app.addHook("onRequest", async (request) => refuseOperators(request, isHere));
    return;
  }
  await app.register(rateLimit, { global: false });
  const countFailure = app.createRateLimit({ max: limits.authFailuresPerMinute, timeWindow: 60_000 });
  app.addHook("onRequest", async (request, reply) => {
    const access = request.routeOptions.config.access ?? "user";
    if (access === "open") return;
    const credentials = readCredentials(request.headers);
    const principal = credentials && isUsable(credentials, access, request) && keys.principalOf(credentials.key);
    if (!principal) {
      // Only what fails counts: whoever shares an address with a guesser, behind a proxy say, still gets in.
      const failures = await countFailure(request);
      if (!failures.isAllowed && failures.isExceeded) throw tooManyFailures(failures.ttlInSeconds);
      throw unauthorized(credentials, access, reply);
    }
    if (access === "admin" && !principal.isAdmin) {
      throw new Problem("forbidden", `This address is for operators; the key ${principal.name} is a user's.`);
    }
    request.principal = principal;
    reply.log = request.log = request.log.child({ key: principal.name });
  });
}

/**
 * Where whoever is on this machine may do anything, so might a web page in its browser whose own name was made to lead
 * here (DNS rebinding): to the browser that is the page's own origin. The name it asks for gives it away; X-Forwarded-Host,
 * which such a page can send as well, does not count.
 */
async function refuseOtherHosts({ headers, routeOptions }: FastifyRequest): Promise<void> {
  if (routeOptions.config.access === "open" || asksForThisMachine(headers.host)) return;
  const detail =
    "Without API keys this server answers for localhost and 127.0.0.1 only. To serve others, by another name or behind a " +
    "proxy, give it keys: `marimba key new` makes them, API_KEYS_FILE names their file.";
  throw new Problem("misdirected", detail);
}

/** Nobody can prove to be an operator where there are no keys; on this machine alone, everybody is. */
function refuseOperators(request: FastifyRequest, isHere: boolean): void {
  if (request.routeOptions.config.access !== "admin" || (isHere && isFromThisMachine(request))) return;
  const detail =
    "This address is for operators, who need an admin key; this server has no keys, and answers here only to who asks " +
    "from its own machine, through no proxy.";
  throw new Problem("forbidden", detail);
}

/**
 * Basic credentials are for an operator's pages alone, and change nothing at another site's bidding: the browser would
 * add them to a form that was sent from anywhere.
 */
function isUsable({ isBasic }: Credentials, access: Access, { method, headers }: FastifyRequest): boolean {
  if (!isBasic) return true;
  const isReading = method === "GET" || method === "HEAD";
  return access === "admin" && (isReading || headers["sec-fetch-site"] === "same-origin");
}

function unauthorized(credentials: Credentials | undefined, access: Access, reply: FastifyReply): Problem {
  const bearer = `Bearer realm="marimba"${credentials && !credentials.isBasic ? ', error="invalid_token"' : ""}`;
  // At the first a browser asks for a password, which is not what a page's own requests should end in.
  reply.header("WWW-Authenticate", access === "admin" ? ['Basic realm="marimba"', bearer] : bearer);
  const detail = credentials
    ? "The key is not valid here: it is mistyped, was withdrawn, or belongs to another server."
    : "Send an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.";
  return new Problem("unauthorized", detail);
}

function tooManyFailures(seconds: number): Problem {
  const detail = "Too many requests from this address had no valid key; send one that is.";
  return new Problem("too_many_failures", detail, { headers: { "Retry-After": String(Math.max(1, seconds)) } });
}
