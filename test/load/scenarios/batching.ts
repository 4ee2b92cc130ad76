import { pairedRatio, quantile } from "../../../bench/statistics.js";
import { markdownTable } from "../../../bench/table.js";
import { startDistributed, type Topology } from "../../topology/topology.js";
import { SUMMARY_HEAD, summarise, summaryRow } from "../answers.js";
import { mixedSteps } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { poissonArrivals, runOpenLoop } from "../open-loop.js";
import { baseEnvironment, MAX_BATCH, type Scenario } from "../scenario.js";

/** Share of the measured capacity at which requests arrive. */
const LOAD = 0.7;

/**
 * The same Poisson arrivals with 8 to 64 steps for a worker that batches continuously and for one whose images join only
 * an empty batch. Capacity is that of the continuous one, kept busy.
 */
export const batching: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const rounds = quick ? 1 : 3;
  const seconds = quick ? 10 : 60;
  const modes = ["continuous", "static"] as const;
  const p95 = { continuous: [] as number[], static: [] as number[] };
  const rows: string[][] = [];
  let capacity: number | undefined;
  for (let round = 0; round < rounds; round++) {
    for (const mode of round % 2 === 0 ? modes : modes.toReversed()) {
      const service = await startDistributed(1, 1, baseEnvironment(setting, { BATCHING: mode }));
      try {
        capacity ??= await measureCapacity(service, quick ? 24 : 160, progress);
        progress(`batching: ${mode}, round ${round + 1} of ${rounds}, ${(LOAD * capacity).toFixed(2)} a second ...`);
        const dueMs = poissonArrivals(LOAD * capacity, seconds, 100 + round);
        const startMs = performance.now();
        const answers = await runOpenLoop({ addresses: service.addresses, dueMs, body: mixedSteps });
        const done = answers.filter(({ status }) => status === 200).map(({ latencyMs }) => latencyMs);
        p95[mode].push(quantile(done, 0.95));
        const summary = summarise(answers, (performance.now() - startMs) / 1000);
        rows.push(summaryRow(`${mode} ${round + 1}`, summary, MAX_BATCH));
      } finally {
        await service.stop();
      }
    }
  }
  const title = `### Batching: Poisson arrivals at ${100 * LOAD} % of ${capacity!.toFixed(2)} a second, 8 to 64 steps`;
  print("", title, "", markdownTable(SUMMARY_HEAD, rows), "");
  const list = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join(", ");
  print(
    `- 95th percentiles in ms: continuous ${list(p95.continuous)}; static ${list(p95.static)}; median of the paired ratios ${pairedRatio(p95.continuous, p95.static).toFixed(2)}.`,
  );
};

/** Pictures a second with every place of the batch taken but for the end. */
async function measureCapacity(service: Topology, requests: number, progress: (line: string) => void): Promise<number> {
  progress("batching: measuring the capacity ...");
  const load = { address: service.addresses[0]!, connections: 2 * MAX_BATCH, body: mixedSteps };
  const startMs = performance.now();
  const answers = await runClosedLoop({ ...load, requests });
  return summarise(answers, (performance.now() - startMs) / 1000).perSecond;
}
