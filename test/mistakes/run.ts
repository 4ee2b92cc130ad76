import { compilerErrors } from "./compile.js";
import { type Catch, failedTest, judgeByParity, judgeByTests } from "./judge.js";
import type { Mistake } from "./mistake.js";
import { MISTAKES } from "./mistakes.js";
import { CATEGORICAL_MISTAKES } from "./table/categorical.js";
import { CAUSAL_MISTAKES } from "./table/causal.js";
import { CONSISTENCY_MISTAKES } from "./table/consistency.js";
import { DETOK_MISTAKES } from "./table/detok.js";
import { DIT_MISTAKES } from "./table/dit.js";
import { SIT_MISTAKES } from "./table/sit.js";
import { SLOWDOWNS } from "./table/slowdowns.js";
import { VQ_MISTAKES } from "./table/vq.js";
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
  const errors = names.length === 0 ? compilerErrors(root, [...chosen, ...Object.values(SLOWDOWNS)]) : [];
  if (errors.length > 0) throw new Error(`A mistake must compile:\n${errors.join("\n")}`);
  const space = new Workspace(root);
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
  const judge = new Judge(space);
  const counts = new Map<string, number>();
  const widest = Math.max(...mistakes.map(({ name }) => name.length));
  console.log(`${"mistake".padEnd(widest)}  caught by`);
  for (const mistake of mistakes) {
    const caught = await judge.whoCatches(mistake);
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

/** The recordings that would show a mistake. */
function recordingsFor(mistake: Mistake): readonly (keyof Workspace["recordings"])[] {
  if (DIT_MISTAKES.includes(mistake)) return ["dit", "kl8"];
  if (SIT_MISTAKES.includes(mistake)) return ["sit"];
  if (VQ_MISTAKES.includes(mistake)) return ["vq16", "llamagenVq"];
  if (DETOK_MISTAKES.includes(mistake)) return ["detok"];
  if (CONSISTENCY_MISTAKES.includes(mistake)) return ["consistency"];
  if (CAUSAL_MISTAKES.includes(mistake)) return ["llamagen", "ordered"];
  if (CATEGORICAL_MISTAKES.includes(mistake)) return ["llamagen"];
  return ["stages", "runs"];
}

/** Asks parity, then the unit tests. None is believed before it has passed without a mistake: what always fails catches nothing. */
class Judge {
  private readonly passed = new Set<string>();

  constructor(private readonly space: Workspace) {}

  async whoCatches(mistake: Mistake): Promise<Catch | undefined> {
    const { space } = this;
    const recorded = recordingsFor(mistake).map((name) => space.recordings[name]);
    // What parity does not even load it cannot catch.
    for (const recordings of space.loads("commands/parity.ts", mistake.file) ? recorded : []) {
      await this.mustPass(recordings, () => judgeByParity(space, recordings));
      const caught = await space.with(mistake, () => judgeByParity(space, recordings));
      if (caught) return caught;
    }
    const caught = await space.with(mistake, () => judgeByTests(space, mistake.file));
    if (caught) await this.mustPass(caught.by, () => failedTest(space, ["run", caught.by]));
    return caught;
  }

  private async mustPass(what: string, judge: () => Promise<Catch | undefined>): Promise<void> {
    if (this.passed.has(what)) return;
    const failure = await judge();
    if (failure) throw new Error(`Without any mistake, ${failure.by} fails: ${failure.saw}`);
    this.passed.add(what);
  }
}

process.exitCode = await main(process.cwd(), process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  return 1;
});
