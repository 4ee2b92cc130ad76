import type { IncomingHttpHeaders } from "node:http";
import rateLimit from "@fastify/rate-limit";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { Problem } from "../../errors.js";
import { isLoopback } from "../../telemetry/listening.js";
import type { Api, ApiDeps } from "../deps.js";
import type { HttpLimits } from "../http/limits.js";
import type { Caller } from "./caller.js";
import { asksForThisMachine, isFromThisMachine } from "./this-machine.js";

/** Who may use a route: everyone, callers with an API key, or callers with an admin's key. */
export type Access = "open" | "user" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    /** `user` when absent: routes are closed by default. */
    access?: Access;
  }
  interface FastifyRequest {
    /** Null on open routes and on a server without API keys. */
    caller: Caller | null;
  }
}

/** For a route that needs no key. */
export const OPEN = { access: "open" } as const satisfies { access: Access };
/** For an operator's route. A server without keys answers it only to requests from its own machine. */
export const ADMIN = { access: "admin" } as const satisfies { access: Access };

/** For routes that a plugin registers: `scope.addHook("onRoute", withAccess(OPEN))` before it. */
export function withAccess(config: { readonly access: Access }) {
  return (route: RouteOptions) => {
    route.config = { ...route.config, ...config };
  };
}

/** Refuses requests that their route's access does not allow, and sets the caller of the others. */
export async function authenticate(
  app: Api,
  { keys, config }: Pick<ApiDeps, "keys" | "config">,
  limits: HttpLimits,
): Promise<void> {
  app.decorateRequest("caller", null);
  if (!keys) {
    const isHere = isLoopback(config.host);
    if (isHere && !config.allowAnonymous) app.addHook("onRequest", refuseOtherHosts);
    app.addHook("onRequest", async (request) => refuseOperators(request, isHere));
    return;
  }
  await app.register(rateLimit, { global: false });
  const countFailure = app.createRateLimit({ max: limits.authFailuresPerMinute, timeWindow: 60_000 });
  app.addHook("onRequest", async (request, reply) => {
    const access = request.routeOptions.config.access ?? "user";
    if (access === "open") return;
    const credentials = readCredentials(request.headers);
    const caller = credentials && isUsable(credentials, access, request) && keys.callerOf(credentials.key);
    if (!caller) {
      // Only failures count: callers that share an address with a guesser, say behind a proxy, still get in.
      const failures = await countFailure(request);
      if (!failures.isAllowed && failures.isExceeded) throw tooManyFailures(failures.ttlInSeconds);
      throw unauthorized(credentials, access, reply);
    }
    if (access === "admin" && !caller.isAdmin) {
      throw new Problem("forbidden", `This address is for operators; the key ${caller.name} is a user's key.`);
    }
    request.caller = caller;
    reply.log = request.log = request.log.child({ key: caller.name });
  });
}

interface Credentials {
  readonly key: string;
  /** Browsers repeat Basic credentials by themselves, even when another site makes the request. */
  readonly isBasic: boolean;
}

/**
 * Reads the key from `Authorization: Bearer`, `X-API-Key`, or the password of `Authorization: Basic`, which is what a
 * browser's login dialogue sends. Never from the address, which ends up in logs and histories. Throws `invalid_request`
 * if two headers contain different keys.
 */
function readCredentials(headers: IncomingHttpHeaders): Credentials | undefined {
  const authorized = readAuthorization(headers.authorization);
  const header = headers["x-api-key"];
  if (header === undefined) return authorized;
  if (typeof header === "string" && (!authorized || authorized.key === header)) return { key: header, isBasic: false };
  throw new Problem("invalid_request", "Authorization and X-API-Key contain different keys; send one of them.");
}

function readAuthorization(header: string | undefined): Credentials | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec(header ?? "") ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return { key: value, isBasic: false };
  const text = Buffer.from(value, "base64").toString();
  return { key: text.slice(text.indexOf(":") + 1), isBasic: true };
}

/** Basic credentials open the operator's pages only, and change nothing unless the request comes from such a page. */
function isUsable({ isBasic }: Credentials, access: Access, { method, headers }: FastifyRequest): boolean {
  if (!isBasic) return true;
  const isReading = method === "GET" || method === "HEAD";
  return access === "admin" && (isReading || headers["sec-fetch-site"] === "same-origin");
}

/**
 * Prevents DNS rebinding. A server without keys trusts everything on its machine, including a browser; a web page whose
 * own name resolves to 127.0.0.1 would pass as the same origin. The Host header gives it away. X-Forwarded-Host does not
 * count, because such a page can send it too.
 */
async function refuseOtherHosts({ headers, routeOptions }: FastifyRequest): Promise<void> {
  if (routeOptions.config.access === "open" || asksForThisMachine(headers.host)) return;
  const detail =
    "Without API keys this server only serves localhost and 127.0.0.1. To serve other names, or from behind a proxy, " +
    "give it keys: create them with `marimba key new` and set API_KEYS_FILE to their file.";
  throw new Problem("misdirected", detail);
}

/** Without keys no one can prove to be an operator, so everyone on this machine is one. */
function refuseOperators(request: FastifyRequest, isHere: boolean): void {
  if (request.routeOptions.config.access !== "admin" || (isHere && isFromThisMachine(request))) return;
  const detail =
    "This address is for operators, who need an admin key. This server has no keys, so it answers here only to requests " +
    "from its own machine that come through no proxy.";
  throw new Problem("forbidden", detail);
}

function unauthorized(credentials: Credentials | undefined, access: Access, reply: FastifyReply): Problem {
  const bearer = `Bearer realm="marimba"${credentials && !credentials.isBasic ? ', error="invalid_token"' : ""}`;
  // Basic makes a browser open its login dialogue, which must not happen to a page's own requests.
  reply.header("WWW-Authenticate", access === "admin" ? ['Basic realm="marimba"', bearer] : bearer);
  const detail = credentials
    ? "This API key is not valid: it is mistyped, was withdrawn, or belongs to another server."
    : "Send an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.";
  return new Problem("unauthorized", detail);
}

function tooManyFailures(seconds: number): Problem {
  const detail = "Too many requests from this address had no valid API key; send a valid one.";
  return new Problem("too_many_failures", detail, { headers: { "Retry-After": String(Math.max(1, seconds)) } });
}
