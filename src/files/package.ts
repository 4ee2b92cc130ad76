import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json, models/ and dist/, wherever the process was started. */
export const PACKAGE_ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

export const VERSION: string = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8")).version;

/**
 * A file beside the compiled module that asks for it. Worker threads can't load TypeScript, and nothing is assembled or
 * copied into src/: a module that runs from its source (Vitest) is given the file of the build.
 */
export function builtFile(name: string, moduleUrl: string): URL {
  const url = moduleUrl.endsWith(".ts") ? moduleUrl.replace(/\/src\/(?!.*\/src\/)/, "/dist/") : moduleUrl;
  return new URL(name, url);
}
