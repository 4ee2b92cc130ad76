import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { FastifyReply, FastifyRequest } from "fastify";
import { OPEN } from "../access/authentication.js";
import type { Api } from "../app.js";
import { PAGE_CSP } from "../security-headers.js";

const FILES = [
  { url: "/", file: "index.html", type: "text/html; charset=utf-8" },
  { url: "/playground/page.css", file: "page.css", type: "text/css; charset=utf-8" },
  { url: "/playground/result.css", file: "result.css", type: "text/css; charset=utf-8" },
  { url: "/playground/page.js", file: "page.js", type: "text/javascript; charset=utf-8" },
  { url: "/playground/result.js", file: "result.js", type: "text/javascript; charset=utf-8" },
  { url: "/playground/icon.svg", file: "icon.svg", type: "image/svg+xml" },
];

/** The page at `/` and its files, read once. Browsers keep them and ask each time whether they changed. */
export async function playgroundRoutes(app: Api): Promise<void> {
  for (const { url, file, type } of FILES) {
    const bytes = await readFile(new URL(`../playground/${file}`, import.meta.url));
    const headers = {
      "Content-Type": type,
      "Content-Security-Policy": PAGE_CSP,
      "Cache-Control": "no-cache",
      ETag: `"${createHash("sha256").update(bytes).digest("base64url")}"`,
    };
    app.get(url, { config: OPEN, logLevel: "warn" }, (request: FastifyRequest, reply: FastifyReply) => {
      reply.headers(headers);
      if (request.headers["if-none-match"] === headers.ETag) return reply.code(304).send();
      return reply.send(bytes);
    });
  }
}
