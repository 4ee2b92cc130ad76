import { createHash } from "node:crypto";
import { open, readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { TSchema } from "typebox";
import { GenerateRequest } from "../../job.js";
import { EDIT_DEFAULTS, Edit } from "../../model/edit.js";
import { DefaultParameters } from "../../model/parameters.js";
import type { ModelRegistry } from "../../model/registry.js";
import { type Access, OPEN } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { PAGE_CSP } from "../http/browsers.js";
import { takesGzip } from "../http/compression.js";

const FOLDER = fileURLToPath(new URL("../playground", import.meta.url));
/** The files' common prefix; in metrics they are one route. */
const FILES = "/playground/";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The page at `/` and its files, open to all; the form's description and samples, for callers with a key. All read once. */
export async function playgroundRoutes(
  app: Api,
  { config, models }: Pick<ApiDeps, "config" | "models">,
): Promise<void> {
  const { publicPath } = config;
  // The page's own addresses are relative, so its address must end with a slash.
  if (publicPath !== "") app.get(publicPath, { config: OPEN }, (_, reply) => reply.redirect(`${publicPath}/`, 308));
  const entries = await readdir(FOLDER, { recursive: true });
  for (const file of entries.map((entry) => entry.replaceAll("\\", "/"))) {
    const type = TYPES[extname(file)];
    if (!type) continue;
    const url = file === "index.html" ? "/" : `${FILES}${file}`;
    const content = { type, bytes: await readFile(join(FOLDER, file)) };
    serve(app, url, content, OPEN);
    // Browsers ask for it by themselves when they show an image or JSON.
    if (file === "icon.svg") serve(app, "/favicon.ico", content, OPEN);
  }
  const sheets = await readSampleSheets(models);
  for (const [model, bytes] of sheets) serve(app, `${FILES}samples/${model}`, { type: SAMPLE_SHEET_TYPE, bytes });
  const form = formDescription(config.maxImagesPerJob, [...sheets.keys()]);
  const type = "application/json; charset=utf-8";
  serve(app, `${FILES}form.json`, { type, bytes: Buffer.from(JSON.stringify(form)) });
}

/** Browsers keep a file and ask each time whether it has changed. Text is compressed for clients that accept gzip. */
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
    ...(type === TYPES[".html"] && { "Content-Security-Policy": PAGE_CSP }),
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

/** The page draws its form from this: the schema of each field, in order, and where the class samples are. */
interface FormDescription {
  readonly fields: Readonly<Record<string, TSchema>>;
  /** Those of the file, and those of an edit. */
  readonly output: Readonly<Record<string, TSchema>>;
  readonly edit: Readonly<Record<string, TSchema>>;
  /** By model: the address of a sheet with a small image of each class. */
  readonly samples: Readonly<Record<string, string>>;
}

/** Sampling parameters come from their one schema, so that a new one appears in the form by itself. */
function formDescription(maxImagesPerJob: number, modelsWithSamples: readonly string[]): FormDescription {
  const { seed, num_images, output_format } = GenerateRequest.properties;
  const { strength, mask_grow, feather } = Edit.properties;
  const numImages = { ...num_images, maximum: maxImagesPerJob };
  return {
    fields: { num_images: numImages, seed, ...DefaultParameters.properties },
    output: { output_format: { ...output_format, default: "png" } },
    edit: {
      strength: { ...strength, default: EDIT_DEFAULTS.strength },
      mask_grow: { ...mask_grow, default: EDIT_DEFAULTS.mask_grow },
      feather: { ...feather, default: EDIT_DEFAULTS.feather },
    },
    samples: Object.fromEntries(modelsWithSamples.map((model) => [model, `.${FILES}samples/${model}`])),
  };
}

/**
 * A small image of each class in one file beside the model's manifest: squares in the order of the classes, row by row, in
 * as many columns as rows or one more. `npm run samples` generates it with a running service.
 */
const SAMPLE_SHEET = "samples.webp";
const SAMPLE_SHEET_TYPE = "image/webp";

/** A thousand squares of 64 pixels take about 2 MB. */
const MAX_SHEET_BYTES = 8 * 1024 * 1024;

/** By model; models without a sheet are left out. */
async function readSampleSheets(models: ModelRegistry): Promise<Map<string, Buffer>> {
  const sheets = new Map<string, Buffer>();
  for (const { name } of models.list()) {
    const bytes = await readBounded(join(models.folderOf(name), SAMPLE_SHEET));
    if (bytes) sheets.set(name, bytes);
  }
  return sheets;
}

/** Undefined if the file is missing, unreadable or too large: a decoration must not stop the service from starting. */
async function readBounded(path: string): Promise<Buffer | undefined> {
  const file = await open(path).catch(() => undefined);
  try {
    const stat = await file?.stat();
    return stat?.isFile() && stat.size <= MAX_SHEET_BYTES ? await file!.readFile() : undefined;
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}
