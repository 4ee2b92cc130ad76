import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Problem } from "../../errors.js";
import { fieldErrors } from "../../validation/field-errors.js";
import { resolveComponent } from "../openapi/components.js";

/**
 * Checks a part of the request against its schema and reports every error at once. Nothing is coerced or dropped, except
 * that query and path are text: there, decimal digits become an integer and true and false a boolean where the schema asks
 * for one.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema: reference, httpPart = "body" }) => {
  const schema = resolveComponent(reference);
  const isText = httpPart === "querystring" || httpPart === "params";
  return (data: unknown) => {
    const value = isText ? readValues(schema, data as Record<string, unknown>) : data;
    const errors = fieldErrors(schema, value);
    if (errors.length === 0) return { value };
    const part = PARTS[httpPart] ?? httpPart;
    const faults = errors.map(({ pointer, message }) => `${pointer.slice(1) || "it"} ${message}`);
    const detail = `The ${part} is not valid: ${faults.join("; ")}${faults.at(-1)!.endsWith("?") ? "" : "."}`;
    return { error: new Problem("invalid_request", detail, { errors }) };
  };
};

const PARTS: Record<string, string> = { querystring: "query", params: "path" };

function readValues(schema: TSchema, texts: Record<string, unknown>): Record<string, unknown> {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string }> };
  const typeOf = (name: string) => (Object.hasOwn(properties, name) ? properties[name]?.type : undefined);
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, readValue(typeOf(name), text)]));
}

function readValue(type: string | undefined, text: unknown): unknown {
  if (typeof text !== "string") return text;
  if (type === "integer" && /^(0|[1-9]\d{0,15})$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
