import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** What the build is made from. */
const SOURCES = ["src", "package.json", "tsconfig.json", "tsconfig.build.json"];

/** Whether nothing that the build is made from is newer than the last one. The compiler looks again, and more closely. */
export function isBuilt(root) {
  const lastMs = changedMs(join(root, "dist", ".tsbuildinfo"));
  return SOURCES.every((source) => newestMs(join(root, source)) <= lastMs);
}

function newestMs(path) {
  const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }) : [];
  return Math.max(changedMs(path), ...files.map((file) => changedMs(join(path, file))));
}

function changedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
