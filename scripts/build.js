// Compiles src/ to dist/, copies the files that tsc leaves behind (the pages the API serves, the queue's Lua scripts, the
// names of classes), assembles the WebAssembly, and bundles typebox.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isBuilt, markBuilt, stampOf } from "./is-built.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
if (isBuilt(root)) process.exit(0);
// A slow machine is silent for half a minute otherwise.
process.stderr.write("Building Marimba from src/ to dist/ ...\n");
// A source that changes while it is compiled makes the next build run again.
const stamp = stampOf(root);
const compiled = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
for (const folder of ["api/playground", "importer/data", "queue/redis/lua"]) {
  rmSync(join(root, "dist", folder), { recursive: true, force: true });
  cpSync(join(root, "src", folder), join(root, "dist", folder), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts"),
  });
}

await assemble("model/files/floats");
await bundleTypebox();
markBuilt(root, stamp);

async function assemble(module) {
  const source = join(root, "src", `${module}.wat`);
  const target = join(root, "dist", `${module}.wasm`);
  if (statSync(target, { throwIfNoEntry: false })?.mtimeMs > statSync(source).mtimeMs) return;
  const { default: loadWabt } = await import("wabt");
  const wabt = await loadWabt();
  // As text: wabt reads past the end of a Buffer that Node has cut out of a larger one, as Node 24 does.
  writeFileSync(target, wabt.parseWat(`${module}.wat`, readFileSync(source, "utf8")).toBinary({}).buffer);
}

/**
 * typebox is 537 small modules, which take longer to be found than to run. As three, which are found first from dist/,
 * every command starts 0.15 seconds sooner.
 */
async function bundleTypebox() {
  const entry = (name) => fileURLToPath(import.meta.resolve(name));
  const typebox = join(dirname(entry("typebox")), "..");
  const { name, version, license } = JSON.parse(readFileSync(join(typebox, "package.json"), "utf8"));
  const exports = { ".": "./index.js", "./schema": "./schema.js" };
  const files = Object.values(exports);
  const manifest = JSON.stringify({ name, version, license, type: "module", exports });
  const bundle = join(root, "dist", "node_modules", "typebox");
  const manifestFile = join(bundle, "package.json");
  const isWhole = [manifestFile, ...files.map((file) => join(bundle, file))].every((file) => existsSync(file));
  if (isWhole && readFileSync(manifestFile, "utf8") === manifest) return;
  rmSync(bundle, { recursive: true, force: true });
  const { build } = await import("rolldown");
  const input = { index: entry("typebox"), schema: entry("typebox/schema") };
  await build({ input, output: { dir: bundle }, logLevel: "warn" });
  cpSync(join(typebox, "license"), join(bundle, "license"));
  writeFileSync(manifestFile, manifest);
}
