import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json, models/ and dist/. */
export const PACKAGE_ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

export const VERSION: string = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8")).version;

/**
 * A file beside the compiled module that asks for it. Worker threads can't load TypeScript, and nothing is built into src/,
 * so a module that runs from its source (in Vitest) gets the file from dist/.
 */
export function builtFile(name: string, moduleUrl: string): URL {
  const url = moduleUrl.endsWith(".ts") ? moduleUrl.replace(/\/src\/(?!.*\/src\/)/, "/dist/") : moduleUrl;
  return new URL(name, url);
}
