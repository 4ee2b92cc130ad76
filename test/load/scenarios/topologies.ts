import { markdownTable } from "../../../src/markdown-table.js";
import { startDistributed, startEmbedded } from "../../topology/topology.js";
import { SUMMARY_HEAD, summarise, summaryRow } from "../answers.js";
import { mixedParameters } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { constantArrivals, poissonArrivals, runOpenLoop } from "../open-loop.js";
import { baseEnvironment, MAX_BATCH, type Scenario } from "../scenario.js";

const CONNECTIONS = 32;
/** Share of each topology's measured capacity at which the open loops send. */
const LOAD = 0.7;

/** Mixed parameters on the three ways to run Marimba: kept busy, at a fixed rate, and with random arrivals. */
export const topologies: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const seconds = quick ? 5 : 40;
  const environment = baseEnvironment(setting);
  const starts = [
    () => startEmbedded(environment),
    () => startDistributed(1, 1, environment),
    () => startDistributed(2, 2, environment),
  ];
  const rows: string[][] = [];
  const memory: string[] = [];
  for (const start of starts) {
    const service = await start();
    try {
      const { name, addresses } = service;
      progress(`topologies: ${name} ...`);
      const perAddress = CONNECTIONS / addresses.length;
      const requests = (quick ? 24 : 128) / addresses.length;
      const startMs = performance.now();
      const loads = addresses.map((address, i) => {
        const body = (index: number) => mixedParameters(i * 100_000 + index);
        return runClosedLoop({ address, connections: perAddress, requests, body });
      });
      const closed = summarise((await Promise.all(loads)).flat(), (performance.now() - startMs) / 1000);
      rows.push(summaryRow(`${name}: closed loop`, closed, MAX_BATCH));
      const rate = LOAD * closed.perSecond;
      for (const [kind, dueMs] of [
        ["fixed rate", constantArrivals(rate, seconds)],
        ["Poisson", poissonArrivals(rate, seconds, 7)],
      ] as const) {
        const begunMs = performance.now();
        const answers = await runOpenLoop({ addresses, dueMs, body: mixedParameters });
        const open = summarise(answers, (performance.now() - begunMs) / 1000);
        rows.push(summaryRow(`${name}: ${kind}, ${rate.toFixed(1)}/s`, open, MAX_BATCH));
      }
      const parts = Object.entries(service.memory()).map(([process, mib]) => `${process} ${mib.toFixed(0)}`);
      memory.push(`- Memory of ${name}, MiB: ${parts.join(", ")}.`);
    } finally {
      await service.stop();
    }
  }
  print("", `### Topologies: mixed parameters, ${CONNECTIONS} connections`, "", markdownTable(SUMMARY_HEAD, rows), "");
  print(...memory);
};
