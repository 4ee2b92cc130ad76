import { MeasuringProcess } from "../../../bench/measuring-process.js";
import { pairedRatio } from "../../../bench/statistics.js";
import { markdownTable } from "../../../src/markdown-table.js";
import { startDistributed } from "../../topology/topology.js";
import { SUMMARY_HEAD, type Summary, summarise, summaryRow } from "../answers.js";
import { defaultBody } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { baseEnvironment, MAX_BATCH, type Scenario } from "../scenario.js";

const CLIENTS = 32;

/** The embedded model through HTTP and Redis, and from the bare engine at the same batch size, in turn. */
export const throughRedis: Scenario = async (setting) => {
  const { model, quick, print, progress } = setting;
  const rounds = quick ? 1 : 5;
  const total = quick ? 32 : 128;
  const service = await startDistributed(1, 1, baseEnvironment(setting));
  process.env.MAX_BATCH = String(MAX_BATCH);
  const engine = await MeasuringProcess.start<"engine">("engine-process.ts", model.folder);
  try {
    const summaries: Summary[] = [];
    const perSecond: number[] = [];
    const ways = [
      async () => {
        const startMs = performance.now();
        const load = { address: service.addresses[0]!, connections: CLIENTS, requests: total, body: defaultBody };
        const answers = await runClosedLoop(load);
        summaries.push(summarise(answers, (performance.now() - startMs) / 1000));
      },
      async () => {
        const ms = await engine.measure("engine", { total, concurrency: CLIENTS });
        perSecond.push(total / (ms / 1000));
      },
    ];
    for (let round = 0; round < rounds; round++) {
      progress(`through Redis: round ${round + 1} of ${rounds} ...`);
      for (let i = 0; i < ways.length; i++) await ways[(round + i) % ways.length]!();
    }
    const rows = summaries.map((summary, round) => summaryRow(`Round ${round + 1}`, summary, MAX_BATCH));
    print("", `### Through Redis: ${CLIENTS} clients, 1 API, 1 worker`, "", markdownTable(SUMMARY_HEAD, rows), "");
    const engineList = perSecond.map((value) => value.toFixed(2)).join(", ");
    const ratio = pairedRatio(
      summaries.map((summary) => summary.perSecond),
      perSecond,
    );
    print(`- Bare engine, images a second: ${engineList}; median of the paired ratios ${(100 * ratio).toFixed(1)} %.`);
  } finally {
    await engine.stop();
    await service.stop();
  }
};
