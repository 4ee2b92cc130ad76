import multipart, { type Multipart } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import type { TSchema } from "typebox";
import { badUpload } from "../../editing/upload.js";
import { Problem } from "../../errors.js";
import { exactNumber } from "../../validation/exact-number.js";
import type { Api, ApiDeps } from "../deps.js";
import { resolveComponent } from "../openapi/components.js";
import { parseJsonBody } from "./json-body.js";

/** Largest body that holds images, as JSON or as a form. */
export const UPLOAD_BODY_BYTES = 16 * 1024 * 1024;
/** Of all such bodies together, from their headers until their jobs are accepted. */
const ALL_UPLOADS_BYTES = 128 * 1024 * 1024;
/** Of a field that is not a file: OpenAI's longest prompt fits. */
const MAX_TEXT_BYTES = 512 * 1024;
const LIMITS = {
  fileSize: UPLOAD_BODY_BYTES,
  files: 16,
  fieldSize: MAX_TEXT_BYTES,
  fields: 100,
  parts: 116,
  headerPairs: 20,
};

declare module "fastify" {
  interface FastifyRequest {
    /** Ends the request's share of `ALL_UPLOADS_BYTES`; null on routes that take no images. */
    releaseUpload: (() => void) | null;
  }
}

/**
 * Adds routes that also take their body as a form (`multipart/form-data`): a file stands for its bytes in base64, a text for
 * what the body's schema asks for, and a name that ends in `[]` or is repeated for an array. Their bodies, in either form, are
 * bounded each and all together.
 */
export async function addFormRoutes(
  app: Api,
  { config }: Pick<ApiDeps, "config">,
  addRoutes: (scope: Api) => void,
): Promise<void> {
  await app.register(async (scope) => {
    await scope.register(multipart, { limits: LIMITS });
    scope.addHook("onRequest", async (request) => refuseOtherOrigins(request, config.corsOrigins));
    boundUploads(scope as Api);
    scope.addHook("preValidation", async (request) => {
      if (request.isMultipart()) request.body = await readForm(request);
    });
    addRoutes(scope as Api);
  });
}

/**
 * A browser lets a page of any origin send a form without asking first, as it does for JSON. Where it tells the origin but
 * not that it is the server's own, the hosts are compared.
 */
function refuseOtherOrigins({ headers, host }: FastifyRequest, corsOrigins: readonly string[]): void {
  const { origin, "sec-fetch-site": site } = headers;
  if (origin === undefined || site === "same-origin" || corsOrigins.includes(origin)) return;
  if (site === undefined && URL.canParse(origin) && new URL(origin).host === host) return;
  throw new Problem(
    "forbidden",
    "Pages of other origins may not send images here, unless CORS_ORIGINS names their origin.",
  );
}

function boundUploads(scope: Api): void {
  let heldBytes = 0;
  if (!scope.hasRequestDecorator("releaseUpload")) scope.decorateRequest("releaseUpload", null);
  scope.addHook("onRequest", async (request, reply) => {
    const bytes = Number(request.headers["content-length"] ?? UPLOAD_BODY_BYTES);
    if (bytes > UPLOAD_BODY_BYTES) throw tooLarge();
    if (heldBytes + bytes > ALL_UPLOADS_BYTES) {
      const detail = "The server is reading as many images as it has memory for; try again soon.";
      throw new Problem("too_many_uploads", detail, { headers: { "Retry-After": "2" } });
    }
    heldBytes += bytes;
    request.releaseUpload = () => {
      heldBytes -= bytes;
      request.releaseUpload = null;
    };
    reply.raw.once("close", () => request.releaseUpload?.());
  });
}

/** Frees the memory of the images in a request's body, of which the job has its own copy. */
export function forgetFiles(request: FastifyRequest): void {
  const body = request.body as { image?: unknown; images?: unknown; mask?: unknown } | undefined;
  delete body?.image;
  delete body?.images;
  delete body?.mask;
  request.releaseUpload?.();
}

function tooLarge(): Problem {
  return new Problem("body_too_large", `A body with images may have at most ${UPLOAD_BODY_BYTES / 1024 / 1024} MiB.`);
}

/** The reasons of the library that have codes; others mean that the form is broken or cut short. */
const TOO_MUCH = ["FST_REQ_FILE_TOO_LARGE", "FST_PARTS_LIMIT", "FST_FILES_LIMIT", "FST_FIELDS_LIMIT"];

function formProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code = "" } = error as { code?: string };
  if (code === "FST_REQ_FILE_TOO_LARGE") return tooLarge();
  if (TOO_MUCH.includes(code)) {
    return new Problem(
      "body_too_large",
      `A form may have at most ${LIMITS.files} files and ${LIMITS.fields} other fields.`,
    );
  }
  return new Problem("invalid_request", "The body is not a whole form (multipart/form-data).");
}

async function readForm(request: FastifyRequest): Promise<Record<string, unknown>> {
  const { properties = {} } = resolveComponent(request.routeOptions.schema!.body as TSchema) as {
    properties?: Record<string, Schema>;
  };
  const body = new Map<string, unknown>();
  let bytes = 0;
  try {
    for await (const part of request.parts()) {
      const name = part.fieldname.replace(/\[\]$/, "");
      const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
      const isArray = name !== part.fieldname || body.has(name);
      if (isArray && part.type === "file" && schema && !typesOf(schema).includes("array"))
        throw badUpload(`/${name}`, `must be one file, in one field named ${name}`);
      const value = await readPart(part, schema);
      body.set(name, isArray ? [body.get(name) ?? [], value].flat() : value);
      bytes += typeof value === "string" ? value.length : 0;
      // Base64 is a third longer than what was sent.
      if (bytes > (UPLOAD_BODY_BYTES * 4) / 3) throw tooLarge();
    }
  } catch (error) {
    throw formProblem(error);
  }
  return Object.fromEntries(body);
}

async function readPart(part: Multipart, schema: Schema | undefined): Promise<unknown> {
  if (part.type === "file") return (await part.toBuffer()).toString("base64");
  if (part.valueTruncated) {
    throw new Problem("body_too_large", `${part.fieldname} may have at most ${MAX_TEXT_BYTES / 1024} KiB.`);
  }
  return readText(String(part.value), schema);
}

interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
}

function typesOf(schema: Schema) {
  return (schema.anyOf ?? [schema]).map(({ type }) => type);
}

/** Text that is nothing that the schema asks for stays text, so that its check fails with what was sent. */
function readText(text: string, schema: Schema = {}): unknown {
  const types = typesOf(schema);
  if (types.includes("null") && text === "null") return null;
  if (types.includes("object")) return jsonOf(text) ?? text;
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  const isNumber = types.includes("integer") || types.includes("number");
  return isNumber && /^-?\d+(\.\d+)?$/.test(text) ? (exactNumber(text) ?? text) : text;
}

function jsonOf(text: string): unknown {
  try {
    return parseJsonBody(Buffer.from(text));
  } catch {
    return undefined;
  }
}
