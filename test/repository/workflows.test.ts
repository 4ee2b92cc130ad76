import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(PROJECT, ".github/workflows");
const { scripts, engines } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Workflow {
  readonly on: object;
  readonly permissions: object;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly "runs-on": string;
        readonly "timeout-minutes": number;
        readonly strategy?: { readonly matrix: Readonly<Record<string, unknown[]>> };
        readonly steps: readonly Step[];
      }
    >
  >;
}

/** Whether a step's command can run in a checkout. */
function exists(command: string): boolean {
  if (command === "npm ci") return existsSync(join(PROJECT, "package-lock.json"));
  const script = /^npm (?:run )?(\S+)$/.exec(command)?.[1];
  if (script) return script in scripts;
  return /^docker build --tag \S+ \.$/.test(command) && existsSync(join(PROJECT, "Dockerfile"));
}

describe.each(readdirSync(FOLDER))("the workflow %s", (file) => {
  const text = readFileSync(join(FOLDER, file), "utf8");
  const workflow: Workflow = parse(text, { strict: true, uniqueKeys: true });
  const jobs = Object.values(workflow.jobs);

  it("has jobs with a runner, a time limit and steps, and may only read the repository", () => {
    expect(Object.keys(workflow).sort()).toEqual(["jobs", "name", "on", "permissions"]);
    expect(Object.keys(workflow.on)).toEqual(["push", "pull_request"]);
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const job of jobs) {
      expect(job["runs-on"]).toMatch(/^ubuntu-\d\d\.04$/);
      expect(job["timeout-minutes"]).toBeGreaterThan(0);
      expect(job.steps[0]!.uses).toMatch(/^actions\/checkout@/);
    }
  });

  it("takes each step from a versioned action or from a command that exists", () => {
    for (const { uses, run } of jobs.flatMap(({ steps }) => steps)) {
      expect([uses, run].filter(Boolean)).toHaveLength(1);
      if (uses) expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
      for (const command of run?.trim().split(/\s*(?:&&|\n)\s*/) ?? []) expect(command).toSatisfy(exists);
    }
  });

  it("uses no variable of the matrix that is not there", () => {
    const known = jobs.flatMap(({ strategy }) => Object.keys(strategy?.matrix ?? {}));
    for (const [, expression] of text.matchAll(/\$\{\{\s*(.*?)\s*\}\}/g))
      expect(known.map((name) => `matrix.${name}`)).toContain(expression);
  });
});

it("runs the README's test command on the oldest supported Node and the newest long-term one", () => {
  const { jobs } = parse(readFileSync(join(FOLDER, "test.yml"), "utf8")) as Workflow;
  const command = jobs.test!.steps.find(({ run }) => run)!.run!;
  expect(readFileSync(join(PROJECT, "README.md"), "utf8")).toContain(`\n${command}\n`);
  expect(readFileSync(join(PROJECT, ".ci/run"), "utf8")).toContain(`\n${command}\n`);
  expect(jobs.test!.strategy!.matrix.node).toEqual([Number(/\d+/.exec(engines.node)![0]), 24]);
});
