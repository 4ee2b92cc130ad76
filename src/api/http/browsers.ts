import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import type { FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import type { Config } from "../../config.js";
import { OPEN } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";

/** What protects browsers: security headers on every response, and which origins' pages may call the API. */

/** For pages: nothing but their own files. */
export const PAGE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** For data: should a browser show it as a page, that page may do nothing. */
const DATA_CSP = "default-src 'none'; frame-ancestors 'none'";

/** Sets the headers of every response, errors included; pages override the content security policy. */
export function setSecurityHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({
    "X-Request-Id": request.id,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": DATA_CSP,
  });
}

/** Response headers that a page of another origin may read. It may send any: see `allowedHeaders` of @fastify/cors. */
const RESPONSE_HEADERS = [
  "Location",
  "Content-Location",
  "ETag",
  "Retry-After",
  "RateLimit",
  "RateLimit-Policy",
  "Preference-Applied",
  "Server-Timing",
  "X-Request-Id",
  "Marimba-Job",
  "Marimba-Seed",
  "Marimba-Batch-Size",
  "Marimba-Ms-Per-Image",
];

const PREFLIGHT_S = 600;

/**
 * For an image's bytes. A plain `<img>` of another origin sends no `Origin`, so they are for the pages of all origins as
 * soon as `CORS_ORIGINS` names one; an image's address can't be guessed.
 */
export function imageResourcePolicy({ corsOrigins }: Pick<Config, "corsOrigins">): Record<string, string> {
  return { "Cross-Origin-Resource-Policy": corsOrigins.length > 0 ? "cross-origin" : "same-origin" };
}

/**
 * Isolates pages from other origins, except those in `CORS_ORIGINS`. Call it before any hook that requires a key: a
 * preflight carries none.
 */
export async function protectBrowsers(app: Api, { config }: Pick<ApiDeps, "config">): Promise<void> {
  await app.register(helmet, {
    // Set by setSecurityHeaders, which knows pages from data.
    contentSecurityPolicy: false,
    // TLS ends at a proxy, which knows whether its whole host uses it.
    strictTransportSecurity: false,
    xFrameOptions: { action: "deny" },
  });
  if (config.corsOrigins.length === 0) return;
  app.addHook("onRoute", openPreflight);
  const options = {
    origin: [...config.corsOrigins],
    methods: ["GET", "HEAD", "POST", "DELETE"],
    exposedHeaders: RESPONSE_HEADERS,
    maxAge: PREFLIGHT_S,
  };
  await app.register(
    cors,
    () => async (request: FastifyRequest) => (isPlainOptions(request) ? { origin: false } : options),
  );
}

/** An OPTIONS request that is not a preflight gets a 405 like any other unsupported method. */
function isPlainOptions({ method, headers }: FastifyRequest): boolean {
  return method === "OPTIONS" && !(headers.origin && headers["access-control-request-method"]);
}

/** The plugin's own route, which matches every path. */
function openPreflight(route: RouteOptions): void {
  if (route.url === "*") route.config = { ...route.config, ...OPEN };
}
