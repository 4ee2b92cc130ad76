import type { FastifyReply, FastifyRequest } from "fastify";

/** A page: its own files and nothing from anywhere else. */
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

/** Data: should a browser ever show it as a page, that page may do nothing. */
const DATA_CSP = "default-src 'none'; frame-ancestors 'none'";

/** Headers of every answer, a problem's included; a page replaces the policy by its own. */
export function setSecurityHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({
    "X-Request-Id": request.id,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": DATA_CSP,
  });
}
