import type { TSchema } from "typebox";
import { Check, Errors } from "typebox/schema";
import type { FieldError } from "../errors.js";
import { nearMisses } from "./near-misses.js";

/** The parts of JSON Schema that Marimba's schemas use. */
interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly pattern?: string;
  readonly contentEncoding?: string;
  readonly contentMediaType?: string;
}

const MAX_ERRORS = 20;

/** The errors in `value`: for each wrong field, a sentence that says what would be right. Empty if `value` is valid. */
export function fieldErrors(schema: TSchema, value: unknown): FieldError[] {
  if (Check(schema, value)) return []; // typebox/value has the same check, and 142 more modules
  const chosen = withChosenShapes(schema as JsonSchema, value);
  const [, errors] = Errors(chosen, value);
  const found = new Map<string, string>();
  for (const error of errors) {
    if (found.size >= MAX_ERRORS) break;
    const at = error.instancePath;
    const part = schemaAt(chosen, at);
    if (error.keyword === "required") {
      for (const name of error.params.requiredProperties) {
        const field = part?.properties?.[name];
        found.set(`${at}/${escapePointer(name)}`, field ? `is required: ${describeSchema(field)}` : "is required");
      }
    } else if (error.keyword === "additionalProperties") {
      for (const name of error.params.additionalProperties) {
        found.set(`${at}/${escapePointer(name)}`, unknownField(name, Object.keys(part?.properties ?? {})));
      }
    } else if (error.keyword !== "boolean" && part && !found.has(at)) {
      found.set(at, `must be ${describeSchema(part)}, not ${showValue(valueAt(value, at))}`);
    }
  }
  return Array.from(found, ([pointer, message]) => ({ pointer, message }));
}

/**
 * The schema with each choice of objects replaced by the shape that has most of the value's fields, so that errors are
 * those of the shape that was meant.
 */
function withChosenShapes(schema: JsonSchema, value: unknown): JsonSchema {
  if (typeof value !== "object" || value === null) return schema;
  const shapes = schema.anyOf?.filter(({ type }) => type === "object") ?? [];
  if (shapes.length > 0) {
    const shared = ({ properties = {} }: JsonSchema) =>
      Object.keys(value).filter((name) => Object.hasOwn(properties, name)).length;
    return withChosenShapes(shapes.toSorted((a, b) => shared(b) - shared(a))[0]!, value);
  }
  if (!schema.properties) return schema;
  const properties = Object.entries(schema.properties).map(([name, part]) => [
    name,
    withChosenShapes(part, (value as Record<string, unknown>)[name]),
  ]);
  return { ...schema, properties: Object.fromEntries(properties) };
}

/** The sentence about a field that the schema does not have. */
export function unknownField(name: string, known: readonly string[]): string {
  const meant = nearMisses(name, known);
  return meant.length > 0
    ? `is not a known field; did you mean ${meant.join(" or ")}?`
    : `is not a known field; the known fields are ${known.join(", ")}`;
}

/** What a schema accepts, in words: `an integer from 1 to 64`, `"linear" or "constant"`. */
export function describeSchema(schema: TSchema | JsonSchema): string {
  const part = schema as JsonSchema;
  if (part.const !== undefined) return JSON.stringify(part.const);
  if (part.anyOf) return part.anyOf.map(describeSchema).join(" or ");
  if (part.type === "integer") return `an integer${describeRange(part)}`;
  if (part.type === "number") return `a number${describeRange(part)}`;
  if (part.contentEncoding || part.contentMediaType) return "a file in a form, or base64 or a data URL in JSON";
  if (part.type === "string") return `a string${describeLength(part)}`;
  if (part.type === "array") return part.minItems ? `a list of at least ${part.minItems}` : "a list";
  if (part.type === "object") return describeObject(part);
  if (part.type === "boolean") return "true or false";
  return part.type ?? "another value";
}

/** A value for a message: JSON, shortened if it is long. */
export function showValue(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** How many of its properties an object must have, if exactly one. */
function describeObject({ properties = {}, minProperties, maxProperties }: JsonSchema): string {
  if (minProperties !== 1 || maxProperties !== 1) return "an object";
  return `an object with exactly one of ${Object.keys(properties).join(", ")}`;
}

function describeRange({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  if (exclusiveMinimum !== undefined)
    return ` above ${exclusiveMinimum}${maximum === undefined ? "" : ` and at most ${maximum}`}`;
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? "" : ` of at most ${maximum}`;
}

function describeLength({ minLength, maxLength, pattern }: JsonSchema): string {
  if (pattern !== undefined) return ` that matches ${pattern}`;
  if (minLength !== undefined && maxLength !== undefined) return ` of ${minLength} to ${maxLength} characters`;
  if (maxLength !== undefined) return ` of at most ${maxLength} characters`;
  return minLength === undefined ? "" : ` of at least ${minLength} characters`;
}

function schemaAt(schema: JsonSchema, pointer: string): JsonSchema | undefined {
  let part: JsonSchema | undefined = schema;
  for (const name of pointerParts(pointer)) {
    part = part?.properties?.[name] ?? part?.items ?? Object.values(part?.patternProperties ?? {})[0];
  }
  return part;
}

function valueAt(value: unknown, pointer: string): unknown {
  let part = value;
  for (const name of pointerParts(pointer)) part = (part as Record<string, unknown> | undefined)?.[name];
  return part;
}

function pointerParts(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
