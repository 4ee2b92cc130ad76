import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json, models/ and dist/, wherever the process was started. */
export const PACKAGE_ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

export const VERSION: string = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8")).version;
