import { readFile, stat } from "node:fs/promises";
import type { Static, TSchema } from "typebox";
import { fileErrorReason } from "../files/file-errors.js";
import { fieldErrors } from "../validation/field-errors.js";
import { listed } from "./architecture/tensor-table.js";
import { ImportError } from "./error.js";

const MAX_JSON_BYTES = 16 * 1024 * 1024;

/** A small JSON file of the user's, checked by a schema; errors name the file and each field at fault. */
export async function readJsonFile<T extends TSchema>(path: string, schema: T): Promise<Static<T>> {
  const value = parse(path, await readBounded(path));
  const errors = fieldErrors(schema, value);
  if (errors.length > 0) {
    const fields = errors.map(({ pointer, message }) => `${pointer || "the whole"} ${message}`);
    throw new ImportError(`${path} is not as expected: ${listed(fields)}.`.replace(/\?\.$/, "?"));
  }
  return value as Static<T>;
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
