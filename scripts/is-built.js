import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the build is made from. */
const SOURCES = [
  "src",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "scripts/build.js",
];

/** Whether dist/ was built from the sources as they are now. */
export function isBuilt(root) {
  const file = stampFile(root);
  return existsSync(file) && readFileSync(file, "utf8") === stampOf(root);
}

/** Remembers in dist/ what it was built from. */
export function markBuilt(root, stamp) {
  writeFileSync(stampFile(root), stamp);
}

/** Changes with the path or the content of any source, and not with its time: a copy of a built checkout is built. */
export function stampOf(root, sources = SOURCES) {
  const hash = createHash("sha256");
  for (const source of sources.filter((source) => existsSync(join(root, source)))) {
    const path = join(root, source);
    const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).sort() : [""];
    for (const file of files) {
      if (statSync(join(path, file)).isDirectory()) continue;
      const content = readFileSync(join(path, file));
      hash.update(`${source} ${file} ${content.length}\n`).update(content);
    }
  }
  return hash.digest("hex");
}

function stampFile(root) {
  return join(root, "dist", ".stamp");
}

/** Changes with every source of the addon kernels/linux-x64/marimba.node, which carries it. */
export function kernelsStamp(root) {
  const sources = readdirSync(join(root, "kernels"), { withFileTypes: true }).filter((entry) => entry.isFile());
  return stampOf(root, sources.map(({ name }) => `kernels/${name}`).sort());
}
