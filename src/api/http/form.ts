import multipart, { type Multipart } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import type { TSchema } from "typebox";
import { Problem } from "../../errors.js";
import { exactNumber } from "../../validation/exact-number.js";
import type { Api } from "../deps.js";
import { resolveComponent } from "../openapi/components.js";

/** Largest file in a form. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Of a field that is not a file: OpenAI's longest prompt fits. */
const MAX_TEXT_BYTES = 512 * 1024;
const LIMITS = { fileSize: MAX_FILE_BYTES, files: 16, fieldSize: MAX_TEXT_BYTES, fields: 100, parts: 116, headerPairs: 20 };

/**
 * Adds routes that also take their body as a form (`multipart/form-data`): a file stands for its bytes in base64, a text for
 * what the body's schema asks for, and a name that ends in `[]` or is repeated for an array.
 */
export async function addFormRoutes(app: Api, addRoutes: (scope: Api) => void): Promise<void> {
  await app.register(async (scope) => {
    await scope.register(multipart, { limits: LIMITS });
    scope.addHook("preValidation", async (request) => {
      if (request.isMultipart()) request.body = await readForm(request);
    });
    addRoutes(scope as Api);
  });
}

async function readForm(request: FastifyRequest): Promise<Record<string, unknown>> {
  const { properties = {} } = resolveComponent(request.routeOptions.schema!.body as TSchema) as {
    properties?: Record<string, Schema>;
  };
  const body = new Map<string, unknown>();
  for await (const part of request.parts()) {
    const name = part.fieldname.replace(/\[\]$/, "");
    const value = await valueOf(part, Object.hasOwn(properties, name) ? properties[name] : undefined);
    const isArray = name !== part.fieldname || body.has(name);
    body.set(name, isArray ? [body.get(name) ?? [], value].flat() : value);
  }
  return Object.fromEntries(body);
}

async function valueOf(part: Multipart, schema: Schema | undefined): Promise<unknown> {
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

/** Text that is nothing that the schema asks for stays text, so that its check fails with what was sent. */
function readText(text: string, schema: Schema = {}): unknown {
  const types = (schema.anyOf ?? [schema]).map(({ type }) => type);
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  const isNumber = types.includes("integer") || types.includes("number");
  return isNumber && /^-?\d+(\.\d+)?$/.test(text) ? (exactNumber(text) ?? text) : text;
}
