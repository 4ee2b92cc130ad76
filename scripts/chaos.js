// npm run test:chaos [-- TIMES]: the chaos tests in their long form, so many times in a row (once by default). Stops at
// the first that fails.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const times = Number(process.argv[2] ?? 1);
if (!Number.isInteger(times) || times < 1) {
  console.error(`npm run test:chaos takes a number of times, not ${JSON.stringify(process.argv[2])}.`);
  process.exit(2);
}
for (let time = 1; time <= times; time++) {
  console.log(`\n> chaos ${time} of ${times}`);
  const env = { ...process.env, CHAOS: "long" };
  const { status } = spawnSync(process.execPath, [vitest, "run", "test/chaos"], { cwd: root, stdio: "inherit", env });
  if (status !== 0) {
    console.error(`\nThe chaos tests failed at time ${time} of ${times}.`);
    process.exit(1);
  }
}
console.log(`\nThe chaos tests passed ${times} ${times === 1 ? "time" : "times in a row"}.`);
