// npm run contract [-- SEED]: Schemathesis's checks of the running service in their long form.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePythonEnvironment } from "./python.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const seed = process.argv[2] ?? "1";
if (!/^\d{1,9}$/.test(seed)) {
  console.error(`npm run contract takes a seed, a whole number, not ${JSON.stringify(seed)}.`);
  process.exit(2);
}
if (!ensurePythonEnvironment()) process.exit(1);
const env = { ...process.env, CONTRACT: "long", CONTRACT_SEED: seed };
const { status } = spawnSync(process.execPath, [vitest, "run", "test/contract"], { cwd: root, stdio: "inherit", env });
process.exit(status ?? 1);
