import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type Access, OPEN } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { PAGE_CSP } from "../http/security-headers.js";
import { formDescription } from "./form-description.js";
import { readSampleSheets, SAMPLE_SHEET_TYPE } from "./sample-sheets.js";

const FOLDER = fileURLToPath(new URL("../playground", import.meta.url));
/** Under this their addresses are, and in metrics they are one. */
const FILES = "/playground/";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page at `/` and its files, open to all, and what its form is drawn from, for who has a key: all read once. */
export async function playgroundRoutes(
  app: Api,
  { config, models }: Pick<ApiDeps, "config" | "models">,
): Promise<void> {
  const entries = await readdir(FOLDER, { recursive: true });
  for (const file of entries.map((entry) => entry.replaceAll("\\", "/"))) {
    const type = TYPES[extname(file)];
    if (!type) continue;
    const url = file === "index.html" ? "/" : `${FILES}${file}`;
    serve(app, url, { type, bytes: await readFile(join(FOLDER, file)) }, OPEN);
  }
  const sheets = await readSampleSheets(models);
  for (const [model, bytes] of sheets) serve(app, `${FILES}samples/${model}`, { type: SAMPLE_SHEET_TYPE, bytes });
  const form = formDescription(config.maxImagesPerJob, [...sheets.keys()]);
  const type = "application/json; charset=utf-8";
  serve(app, `${FILES}form.json`, { type, bytes: Buffer.from(JSON.stringify(form)) });
}

/** Browsers keep a file and ask each time whether it changed; text goes compressed to who takes that. */
function serve(
  app: Api,
  url: string,
  { type, bytes }: { readonly type: string; readonly bytes: Buffer },
  access: { readonly access?: Access } = {},
): void {
  const hash = createHash("sha256").update(bytes).digest("base64url");
  const gzipped = type === SAMPLE_SHEET_TYPE ? undefined : gzipSync(bytes, { level: 9 });
  const headers = {
    "Content-Type": type,
    "Content-Security-Policy": PAGE_CSP,
    "Cache-Control": "no-cache",
    ...(gzipped && { Vary: "Accept-Encoding" }),
  };
  const config = { ...access, ...(url.startsWith(FILES) && { folder: `${FILES}*` }) };
  app.get(url, { config, logLevel: "warn" }, (request: FastifyRequest, reply: FastifyReply) => {
    const compressed = takesGzip(request) ? gzipped : undefined;
    // Two representations, two tags.
    const etag = `"${hash}${compressed ? "-gzip" : ""}"`;
    reply.headers(headers).header("ETag", etag);
    if (request.headers["if-none-match"] === etag) return reply.code(304).send();
    if (compressed) reply.header("Content-Encoding", "gzip");
    return reply.send(compressed ?? bytes);
  });
}

function takesGzip({ headers }: FastifyRequest): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(String(headers["accept-encoding"] ?? ""));
}
