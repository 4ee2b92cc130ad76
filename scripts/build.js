// Compiles src/ to dist/ and copies the files that tsc leaves behind (the pages the API serves, the queue's Lua scripts, the names of classes).
import { spawnSync } from "node:child_process";
import { cpSync, rmSync, utimesSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isBuilt } from "./is-built.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
// Half a minute of silence on a slow machine, else, before the server says a word.
if (!isBuilt(root)) process.stderr.write("Building Marimba from src/ to dist/ ...\n");
const started = new Date();
const compiled = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
// The compiler leaves it as it was where only times had changed.
utimesSync(join(root, "dist", ".tsbuildinfo"), started, started);
for (const folder of ["api/playground", "model/import/data", "queue/redis/lua"]) {
  rmSync(join(root, "dist", folder), { recursive: true, force: true });
  cpSync(join(root, "src", folder), join(root, "dist", folder), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts"),
  });
}
