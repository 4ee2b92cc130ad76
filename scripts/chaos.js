// npm run test:chaos [-- TIMES]: the chaos tests and those of proxies in their long form, TIMES in a row (once by default). Stops at the first
// failure. Prints how many accepted jobs were lost, and how many images differ from an undisturbed run's.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const times = Number(process.argv[2] ?? 1);
if (!Number.isInteger(times) || times < 1) {
  console.error(`npm run test:chaos takes a number of times, not ${JSON.stringify(process.argv[2])}.`);
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "marimba-tally-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const tallyFile = join(folder, "tally");

/** The sum of the tests' tallies so far, one a line (test/chaos/tally.ts), and the times that services took to recover, sorted. */
function tallies() {
  const sum = { jobs: 0, lost: 0, images: 0, differing: 0 };
  const recoveriesMs = [];
  const lines = existsSync(tallyFile) ? readFileSync(tallyFile, "utf8").trim().split("\n") : [];
  for (const line of lines) {
    const { recoveryMs, ...counts } = JSON.parse(line);
    if (recoveryMs !== undefined) recoveriesMs.push(recoveryMs);
    for (const [what, count] of Object.entries(counts)) sum[what] += count;
  }
  return { ...sum, recoveriesMs: recoveriesMs.sort((a, b) => a - b) };
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

for (let time = 1; time <= times; time++) {
  console.log(`\n> chaos ${time} of ${times}`);
  const env = { ...process.env, CHAOS: "long", CHAOS_TALLY: tallyFile };
  const { status } = spawnSync(process.execPath, [vitest, "run", "test/chaos", "test/proxies", "sentinel.test"], {
    cwd: root,
    stdio: "inherit",
    env,
  });
  const { jobs, lost, images, differing, recoveriesMs } = tallies();
  console.log(`${jobs} accepted jobs so far, ${lost} lost; ${images} images, ${differing} that differ.`);
  if (recoveriesMs.length > 0) {
    const [median, worst] = [recoveriesMs[recoveriesMs.length >> 1], recoveriesMs.at(-1)];
    console.log(
      `Dead connections: ${recoveriesMs.length} recoveries, median ${seconds(median)}, worst ${seconds(worst)}.`,
    );
  }
  if (status !== 0) {
    console.error(`\nThe chaos tests failed in run ${time} of ${times}.`);
    process.exit(1);
  }
}
console.log(`\nThe chaos tests passed ${times} ${times === 1 ? "time" : "times in a row"}.`);
