import { existsSync } from "node:fs";
import { join } from "node:path";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Folders and files that take long, or need more than Node: a browser, Redis, Python, git. `npm run test:fast` leaves them out. */
const SLOW = [
  "api/events/many-streams.test.ts",
  "api/routes/operator.test.ts",
  "bench/guard/guard.test.ts",
  "browser",
  "chaos",
  "client",
  "commands",
  "container",
  "contract",
  "demo/sweep.test.ts",
  "docs/docs.test.ts",
  "families/webgpu.test.ts",
  "load",
  "mistakes",
  "monitoring",
  "proxies",
  "queue/redis",
  "queue/redis-connection",
  "queue/redis-worker",
  "repository/lone-clone.test.ts",
  "repository/package.test.ts",
  "telemetry/tracing.test.ts",
].map((path) => `test/${path}`);
/** Only in the long form of the chaos tests (scripts/chaos.js): what it covers has shorter tests of its own. */
const LONG = ["test/bench/gpu.test.ts", "test/commands/webgpu.test.ts", "test/queue/redis/sentinel.test.ts"];
/** The container image, built and started; in `npm test` only where containers can run (scripts/test.js). */
const CONTAINER_START = ["test/container/running/first-start.test.ts"];
/** Runs the Dockerfile's steps where they can't. */
const WITHOUT_CONTAINERS = ["test/container/scratch-build.test.ts"];
/** Only by `npm run test:container`. */
const CONTAINERS = ["test/container/running/cuda.test.ts", "test/container/running/scenarios.test.ts"];
/** Files that replace a module for all that import it. */
const REPLACING = [
  "test/importer/staging.test.ts",
  "test/families/dit/recordings.test.ts",
  "test/families/mar/recordings.test.ts",
];
for (const path of [...SLOW, ...LONG, ...CONTAINER_START, ...WITHOUT_CONTAINERS, ...CONTAINERS, ...REPLACING])
  if (!existsSync(join(import.meta.dirname, path)))
    throw new Error(`vitest.config.ts names ${path}, which does not exist.`);

const isSlow = (file: string) => SLOW.some((path) => `${file}/`.includes(`/${path}/`));

/** Slow files run first: one that comes last leaves a core idle. Among them, Vitest starts with those that took longest before. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => Number(isSlow(b.moduleId)) - Number(isSlow(a.moduleId)));
  }
}

const TESTS = "test/**/*.test.ts";
const within = (paths: readonly string[]) => paths.flatMap((path) => (path.endsWith(".ts") ? path : `${path}/**`));
const left = [
  ...configDefaults.exclude,
  ...(process.env.CHAOS === "long" ? [] : LONG),
  ...(process.env.CONTAINER ? WITHOUT_CONTAINERS : CONTAINER_START),
  ...(process.env.CONTAINER === "run" ? [] : CONTAINERS),
  ...(process.env.TEST_FAST === "true" ? within(SLOW) : []),
];

export default defineConfig({
  test: {
    globalSetup: ["test/setup.ts"],
    // As src/main.ts does it.
    env: { ORT_DISABLE_TELEMETRY: "1" },
    // What a test prints shows only where it fails.
    silent: "passed-only",
    // Long enough for any machine, however busy: what has hung takes as long, and nothing else.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    // One more than the two cores that CI has: a third of the time, a file waits for a lock, a time limit or a page.
    maxWorkers: 3,
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "isolated",
          include: REPLACING,
          exclude: left,
        },
      },
      // All others share loaded modules, which halves the time of most.
      {
        extends: true,
        test: { name: "shared", include: [TESTS], exclude: [...left, ...REPLACING], isolate: false },
      },
    ],
  },
});
