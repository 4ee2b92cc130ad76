import { pairedRatio, quantile } from "../../../bench/statistics.js";
import { markdownTable } from "../../../src/markdown-table.js";
import { startDistributed, type Topology } from "../../topology/topology.js";
import { SUMMARY_HEAD, type Summary, summarise, summaryRow } from "../answers.js";
import { mixedSteps } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { poissonArrivals, runOpenLoop } from "../open-loop.js";
import { baseEnvironment, MAX_BATCH, type Scenario, type Setting } from "../scenario.js";
import { STATIC_MODES, staticEnvironment } from "../static-batching.js";

/** Share of the capacity of continuous batching at which requests arrive. */
const LOAD = 0.7;

const MODES = ["continuous", ...STATIC_MODES] as const;
type Mode = (typeof MODES)[number];

/** One worker's way through one sequence of arrivals. */
interface Run {
  readonly summary: Summary;
  readonly p95Ms: number;
}

/**
 * The same Poisson arrivals with 8 to 64 steps for workers that differ in how images share steps. Capacity is what a
 * worker makes that is kept busy; all are given the same share of the continuous one's.
 */
export const batching: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const rounds = quick ? 1 : 5;
  const capacity = new Map<Mode, number>();
  for (const mode of MODES) {
    progress(`batching: the capacity of ${mode} ...`);
    capacity.set(mode, await measureCapacity(setting, mode, quick ? 2 * MAX_BATCH : 128));
  }
  const perSecond = LOAD * capacity.get("continuous")!;
  const runs = new Map<Mode, Run[]>(MODES.map((mode) => [mode, []]));
  for (let round = 0; round < rounds; round++)
    for (const mode of round % 2 === 0 ? MODES : MODES.toReversed()) {
      progress(`batching: ${mode}, round ${round + 1} of ${rounds}, ${perSecond.toFixed(2)} a second ...`);
      runs.get(mode)!.push(await measureRun(setting, mode, perSecond, quick ? 10 : 90, 100 + round));
    }
  const title = `### Batching: Poisson arrivals at ${100 * LOAD} % of capacity, ${perSecond.toFixed(2)} a second, 8 to 64 steps`;
  const rows = MODES.flatMap((mode) =>
    runs.get(mode)!.map(({ summary }, round) => summaryRow(`${mode} ${round + 1}`, summary, MAX_BATCH)),
  );
  print("", title, "", markdownTable(SUMMARY_HEAD, rows), "");
  const capacities = MODES.map((mode) => `${mode} ${capacity.get(mode)!.toFixed(2)}`);
  print(`- Images a second of a worker that is kept busy: ${capacities.join(", ")}.`);
  const p95 = (mode: Mode) => runs.get(mode)!.map(({ p95Ms }) => p95Ms);
  for (const mode of MODES) print(`- 95th percentiles in ms, ${mode}: ${p95(mode).map(Math.round).join(", ")}.`);
  for (const mode of MODES.slice(1)) {
    const ratio = pairedRatio(p95("continuous"), p95(mode)).toFixed(2);
    print(`- Continuous batching's 95th percentile is ${ratio} of ${mode}'s (median of the pairs).`);
  }
};

/** What becomes of Poisson arrivals; the same seed gives the same arrivals and steps. */
export function measureRun(
  setting: Setting,
  mode: Mode,
  perSecond: number,
  seconds: number,
  seed: number,
): Promise<Run> {
  return withWorker(setting, mode, async ({ addresses }) => {
    const dueMs = poissonArrivals(perSecond, seconds, seed);
    const startMs = performance.now();
    const body = (index: number) => mixedSteps(seed * 10_000 + index);
    const answers = await runOpenLoop({ addresses, dueMs, body });
    const done = answers.filter(({ status }) => status === 200).map(({ latencyMs }) => latencyMs);
    return { summary: summarise(answers, (performance.now() - startMs) / 1000), p95Ms: quantile(done, 0.95) };
  });
}

/** Images a second with every place of the batch taken but for the end. */
export function measureCapacity(setting: Setting, mode: Mode, requests: number): Promise<number> {
  return withWorker(setting, mode, async ({ addresses }) => {
    const load = { address: addresses[0]!, connections: 2 * MAX_BATCH, body: mixedSteps };
    const startMs = performance.now();
    const answers = await runClosedLoop({ ...load, requests });
    return summarise(answers, (performance.now() - startMs) / 1000).perSecond;
  });
}

async function withWorker<T>(setting: Setting, mode: Mode, use: (service: Topology) => Promise<T>): Promise<T> {
  const environment = mode === "continuous" ? {} : staticEnvironment(mode, MAX_BATCH);
  const service = await startDistributed(1, 1, baseEnvironment(setting, environment));
  try {
    return await use(service);
  } finally {
    await service.stop();
  }
}
