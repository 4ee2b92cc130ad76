import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import type { FastifyRequest, RouteOptions } from "fastify";
import { OPEN } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";

/** What a page of another origin may send, beside what it may anyway. */
const REQUEST_HEADERS = [
  "Authorization",
  "X-API-Key",
  "Content-Type",
  "Prefer",
  "Idempotency-Key",
  "Cancel-After",
  "Last-Event-ID",
  "If-None-Match",
  "X-Request-Id",
  "traceparent",
];

/** What it may read of an answer. */
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
 * What browsers are told beside security-headers.ts: that nothing here mixes with other origins, and which origins' pages
 * may call nevertheless (`CORS_ORIGINS`; none by default). To be called before any hook that asks for a key: a preflight
 * holds none.
 */
export async function protectBrowsers(app: Api, { config }: Pick<ApiDeps, "config">): Promise<void> {
  await app.register(helmet, {
    // security-headers.ts states it, for pages and for data.
    contentSecurityPolicy: false,
    // TLS ends at a proxy, which knows whether all of its host is served by it.
    strictTransportSecurity: false,
    xFrameOptions: { action: "deny" },
  });
  if (config.corsOrigins.length === 0) return;
  app.addHook("onRoute", openPreflight);
  const options = {
    origin: [...config.corsOrigins],
    methods: ["GET", "HEAD", "POST", "DELETE"],
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: RESPONSE_HEADERS,
    maxAge: PREFLIGHT_S,
  };
  await app.register(
    cors,
    () => async (request: FastifyRequest) => (isPlainOptions(request) ? { origin: false } : options),
  );
}

/** An OPTIONS that is no preflight is answered as any method that does not fit. */
function isPlainOptions({ method, headers }: FastifyRequest): boolean {
  return method === "OPTIONS" && !(headers.origin && headers["access-control-request-method"]);
}

/** The plugin's own route, for every path. */
function openPreflight(route: RouteOptions): void {
  if (route.url === "*") route.config = { ...route.config, ...OPEN };
}
