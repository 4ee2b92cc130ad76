import { readFile, stat } from "node:fs/promises";
import type { Static, TSchema } from "typebox";
import { fileErrorReason } from "../files/file-errors.js";
import { fieldErrors } from "../validation/field-errors.js";
import { editDistance } from "../validation/near-misses.js";
import { listed } from "./architecture/tensor-table.js";
import { ImportError } from "./error.js";

const MAX_JSON_BYTES = 16 * 1024 * 1024;

/**
 * A small JSON file of the user's, checked by a schema; errors name the file and each field at fault. Fields that the schema has not are
 * ignored, because such files serve other programs too, unless they are one letter from those that it has.
 */
export async function readJsonFile<T extends TSchema>(path: string, schema: T): Promise<Static<T>> {
  const value = parse(path, await readBounded(path));
  const errors = fieldErrors(schema, value);
  const fields = errors.map(({ pointer, message }) => `${pointer || "the whole"} ${message}`);
  if (fields.length === 0) fields.push(...misspelt(schema, value));
  if (fields.length > 0) {
    throw new ImportError(`${path} is not as expected: ${listed(fields)}.`.replace(/\?\.$/, "?"));
  }
  return value as Static<T>;
}

function misspelt(
  schema: { readonly properties?: Readonly<Record<string, TSchema>> },
  value: unknown,
  at = "",
): string[] {
  const { properties } = schema;
  if (!properties || typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) => {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known) return misspelt(known, part, `${at}/${name}`);
    const meant = Object.keys(properties).find((field) => editDistance(name, field, 1) <= 1);
    return meant === undefined ? [] : [`${at}/${name} is not a known field; did you mean ${meant}?`];
  });
}

async function readBounded(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES) throw new ImportError(`${path} is ${size} bytes; at most ${MAX_JSON_BYTES} are read.`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof ImportError) throw error;
    throw new ImportError(`${path} cannot be read: ${fileErrorReason(error) ?? (error as Error).message}.`);
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ImportError(`${path} is not JSON.`);
  }
}
