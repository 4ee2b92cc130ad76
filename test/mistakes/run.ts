import { join, resolve } from "node:path";
import { type Catch, failedTest, judgeByParity, judgeByTests } from "./judge.js";
import type { Mistake } from "./mistake.js";
import { MISTAKES } from "./mistakes.js";
import { Workspace } from "./workspace.js";

const USAGE = `npm run mistakes [-- NAME...]

Plants mistakes in a copy of the source, one at a time, and prints who caught which: parity with the reference
recordings or, where that passes, a unit test. Exits with 1 when one was caught by nobody.

Mistakes:
${MISTAKES.map(({ name, why }) => `  ${name.padEnd(36)} ${why}`).join("\n")}`;

/** Resolves with the exit status. */
async function main(root: string, names: readonly string[]): Promise<number> {
  if (names.includes("--help")) {
    console.log(USAGE);
    return 0;
  }
  const unknown = names.filter((name) => !MISTAKES.some((mistake) => mistake.name === name));
  if (unknown.length > 0) throw new Error(`There is no mistake ${unknown.join(", ")}; --help lists them.`);
  const chosen = names.length === 0 ? MISTAKES : MISTAKES.filter(({ name }) => names.includes(name));
  const reference = resolve(process.env.MARIMBA_REFERENCE ?? join(root, "../shared/reference"));
  const space = new Workspace(root, reference);
  const stop = () => {
    space.remove();
    process.exit(130);
  };
  process.once("SIGINT", stop);
  try {
    return await judgeAll(space, chosen);
  } finally {
    process.removeListener("SIGINT", stop);
    space.remove();
  }
}

async function judgeAll(space: Workspace, mistakes: readonly Mistake[]): Promise<number> {
  const startedAt = Date.now();
  const clean = await judgeByParity(space);
  if (clean) throw new Error(`Parity fails without any mistake: ${clean.saw}`);
  const cleanTests = new Map<string, boolean>();
  const counts = new Map<string, number>();
  const widest = Math.max(...mistakes.map(({ name }) => name.length));
  console.log(`${"mistake".padEnd(widest)}  caught by`);
  for (const mistake of mistakes) {
    const caught = await judge(space, mistake, cleanTests);
    const by = caught?.by ?? "nobody";
    counts.set(by, (counts.get(by) ?? 0) + 1);
    console.log(`${mistake.name.padEnd(widest)}  ${caught ? `${caught.by}: ${caught.saw}` : `NOBODY: ${mistake.why}`}`);
  }
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  const missed = counts.get("nobody") ?? 0;
  console.log(`\n${mistakes.length - missed} of ${mistakes.length} mistakes were caught, in ${seconds} s:`);
  for (const [by, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${`${count}`.padStart(5)}  ${by}`);
  return missed === 0 ? 0 : 1;
}

async function judge(space: Workspace, mistake: Mistake, cleanTests: Map<string, boolean>): Promise<Catch | undefined> {
  // What parity does not even load it cannot catch.
  const seen = space.loads("commands/parity.ts", mistake.file);
  const byParity = seen ? await space.with(mistake, () => judgeByParity(space)) : undefined;
  if (byParity) return byParity;
  const byTest = await space.with(mistake, () => judgeByTests(space, mistake.file));
  if (!byTest) return undefined;
  // The same test without the mistake: a test that always fails catches nothing.
  if (!cleanTests.has(byTest.by)) cleanTests.set(byTest.by, !(await failedTest(space, ["run", byTest.by])));
  if (!cleanTests.get(byTest.by)) throw new Error(`${byTest.by} fails without any mistake: ${byTest.saw}`);
  return byTest;
}

process.exitCode = await main(process.cwd(), process.argv.slice(2));
