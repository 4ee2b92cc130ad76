// Compiles src/ to dist/ and copies the files that tsc leaves behind (the pages the API serves, the scripts that Redis runs).
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const compiled = spawnSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
cpSync(join(root, "src/api/playground"), join(root, "dist/api/playground"), {
  recursive: true,
  filter: (path) => !path.endsWith(".ts"),
});
cpSync(join(root, "src/queue/redis/lua"), join(root, "dist/queue/redis/lua"), { recursive: true });
