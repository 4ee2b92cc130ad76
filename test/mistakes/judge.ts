import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Workspace } from "./workspace.js";

/** Who noticed, and what they saw. */
export interface Catch {
  /** `parity`, or a test file. */
  readonly by: string;
  readonly saw: string;
}

/** A judgement that takes longer has hung, which is no verdict. */
const LIMIT_MS = 600_000;

/** The parity command on the tiny model and some of its recordings. */
export async function judgeByParity(space: Workspace, recordings: string): Promise<Catch | undefined> {
  const { code, output } = await run(space, [space.compiled("main.ts"), "parity", recordings]);
  return code === 0 ? undefined : { by: "parity", saw: firstFailure(output) };
}

/** The first line of the table that failed, in the order of the model's stages; else what stopped the comparison. */
function firstFailure(output: string): string {
  const line = output.split("\n").find((text) => /\sFAILED \d/.test(text));
  if (!line) return output.trim().split("\n").at(-1) ?? "";
  const [recording, stage, , worst, allowed] = line.split(/ {2,}/);
  const error = allowed === "exact" ? "differs" : `error ${worst}, allowed ${allowed}`;
  return `${stage}: ${error} (${recording})`;
}

/** The unit tests of the room that `file` is in, then all under test/model that load it. */
export async function judgeByTests(space: Workspace, file: string): Promise<Catch | undefined> {
  const room = `test/${dirname(file)}/`;
  return (await failedTest(space, ["run", room])) ?? (await failedTest(space, ["related", `src/${file}`]));
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Runs tests in the workspace and returns the first that failed. */
export async function failedTest(space: Workspace, selection: readonly string[]): Promise<Catch | undefined> {
  const vitest = join(space.folder, "node_modules/vitest/vitest.mjs");
  const report = join(space.folder, "report.json");
  rmSync(report, { force: true });
  const options = ["--run", "--bail=1", "--passWithNoTests", "--reporter=json", `--outputFile=${report}`];
  const { code, output } = await run(space, [vitest, ...selection, ...options]);
  if (!existsSync(report)) {
    if (code === 0) return undefined; // no test was selected
    throw new Error(`Vitest did not run: ${output.slice(-2000)}`);
  }
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as VitestReport;
  for (const file of testResults) {
    const failed = file.assertionResults.find(({ status }) => status === "failed");
    const by = relative(space.folder, file.name);
    if (failed) return { by, saw: failed.fullName.trim() };
    if (file.status === "failed" && file.message) return { by, saw: file.message.split("\n")[0]! };
  }
  return undefined;
}

function run(space: Workspace, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: space.folder, env: { ...process.env, NODE_ENV: "test" } });
    let output = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (output += bytes));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal) reject(new Error(`A judgement was ended by ${signal} (at most ${LIMIT_MS / 1000} s are given).`));
      else resolve({ code, output });
    });
  });
}
