import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");

/** What tests count. */
const COLUMNS = ["accepted", "completed", "lost", "images", "differing"];

/**
 * Runs these tests `times` in a row, with `env` added to the environment, and ends the process: with 1 after the first failure.
 * Prints for each test how many accepted jobs were lost, and how many images differ from an undisturbed run's.
 */
export function runLongForm({ name, times, tests, env }) {
  const folder = mkdtempSync(join(tmpdir(), "marimba-tally-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const tallyFile = join(folder, "tally");
  for (let time = 1; time <= times; time++) {
    console.log(`\n> ${name} tests, ${time} of ${times}`);
    const { status } = spawnSync(process.execPath, [vitest, "run", ...tests], {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, ...env, CHAOS_TALLY: tallyFile },
    });
    printTallies(tallyFile);
    if (status !== 0) {
      console.error(`\nThe ${name} tests failed in run ${time} of ${times}.`);
      process.exit(1);
    }
  }
  console.log(`\nThe ${name} tests passed ${times} ${times === 1 ? "time" : "times in a row"}.`);
}

/** The number of times that the command was asked for; ends the process where that is no number. */
export function readTimes(command) {
  const times = Number(process.argv[2] ?? 1);
  if (Number.isInteger(times) && times >= 1) return times;
  console.error(`${command} takes a number of times, not ${JSON.stringify(process.argv[2])}.`);
  process.exit(2);
}

/** A table of the tests' tallies so far (test/chaos/tally.ts), and how long services took to recover. */
function printTallies(file) {
  const tests = new Map();
  const recoveriesMs = [];
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  for (const line of lines) {
    const { test, recoveryMs, ...counts } = JSON.parse(line);
    const name = test.split(" > ").at(-1);
    if (recoveryMs !== undefined) recoveriesMs.push(recoveryMs);
    else tests.set(name, [...(tests.get(name) ?? []), counts]);
  }
  const row = (cells) => `| ${cells.join(" | ")} |`;
  const sumRow = (name, counted) =>
    row([name, ...COLUMNS.map((column) => counted.reduce((sum, counts) => sum + counts[column], 0))]);
  console.log(`\n${row(["scenario", ...COLUMNS])}\n${row(["---", ...COLUMNS.map(() => "--:")])}`);
  for (const [name, counted] of tests) console.log(sumRow(name, counted));
  console.log(sumRow("all", [...tests.values()].flat()));
  if (recoveriesMs.length === 0) return;
  recoveriesMs.sort((a, b) => a - b);
  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  const [median, worst] = [recoveriesMs[recoveriesMs.length >> 1], recoveriesMs.at(-1)];
  console.log(
    `Dead connections: ${recoveriesMs.length} recoveries, median ${seconds(median)}, worst ${seconds(worst)}.`,
  );
}
