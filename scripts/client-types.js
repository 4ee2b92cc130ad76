// The client's types, made from the OpenAPI document.
import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const HEAD = "// Generated from openapi/openapi.json by `npm run openapi`; do not edit.\n\n";

/** TypeScript source of `openapi/client/src/schema.ts` for an OpenAPI document. */
export async function clientTypes(document) {
  return HEAD + astToString(await openapiTS(document));
}

export const DOCUMENT = new URL("../openapi/openapi.json", import.meta.url);
export const TYPES = new URL("../openapi/client/src/schema.ts", import.meta.url);

export const readDocument = () => JSON.parse(readFileSync(DOCUMENT, "utf8"));
