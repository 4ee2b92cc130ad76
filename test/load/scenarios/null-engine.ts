import { fileURLToPath } from "node:url";
import { median, pairedRatio } from "../../../bench/statistics.js";
import { markdownTable } from "../../../src/markdown-table.js";
import { cpuSeconds, type Started, startProcess } from "../../topology/processes.js";
import { asStarted, startDistributed, startDurableRedis } from "../../topology/topology.js";
import { SUMMARY_HEAD, type Summary, summarise, summaryRow } from "../answers.js";
import { defaultBody } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { baseEnvironment, MAX_BATCH, type Scenario, type Setting } from "../scenario.js";

const CONNECTIONS = 64;

/**
 * What the service carries by itself: one API and one worker whose engine takes no time, beside the least that Fastify
 * and BullMQ can do. Both are up all the while and measured in turn, so what slows the machine slows both.
 */
export const nullEngine: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const seconds = quick ? 2 : 10;
  const rounds = quick ? 1 : 5;
  const service = await startDistributed(1, 1, baseEnvironment(setting, { ENGINE: "null", RESULT_TTL_S: "10" }));
  const skeleton = await startSkeleton(setting);
  try {
    const sides = [
      { name: "Marimba", address: service.addresses[0]!, summaries: [] as Summary[] },
      { name: "Skeleton", address: skeleton.address, summaries: [] as Summary[] },
    ];
    for (const { address } of sides) await measure(address, quick ? 1 : 5);
    const cpu = new Map(service.processes.map(({ name }) => [name, 0]));
    for (let round = 0; round < rounds; round++) {
      for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
        progress(`null engine: ${side.name}, round ${round + 1} of ${rounds} ...`);
        const before = service.processes.map(({ pid }) => cpuSeconds(pid));
        const summary = await measure(side.address, seconds);
        side.summaries.push(summary);
        if (side.name !== "Marimba") continue;
        for (const [i, { name, pid }] of service.processes.entries())
          cpu.set(name, cpu.get(name)! + ((cpuSeconds(pid) - before[i]!) * 1000) / summary.completed / rounds);
      }
    }
    const rows = sides.flatMap(({ name, summaries }) =>
      summaries.map((summary, round) => summaryRow(`${name} ${round + 1}`, summary, MAX_BATCH)),
    );
    const [ours, bare] = sides.map(({ summaries }) => summaries.map(({ perSecond }) => perSecond));
    print(
      "",
      `### Null engine: 1 API, 1 worker, ${CONNECTIONS} connections`,
      "",
      markdownTable(SUMMARY_HEAD, rows),
      "",
    );
    print(
      `- Median ${median(ours!).toFixed(0)} finished a second; the bare skeleton's ${median(bare!).toFixed(0)}; median of the paired ratios ${(100 * pairedRatio(ours!, bare!)).toFixed(0)} %.`,
      `- Median of the 97.5th percentiles: ${median(sides[0]!.summaries.map(({ latencyMs }) => latencyMs.p975)).toFixed(0)} ms.`,
      `- Processor time an image, in ms: ${[...cpu].map(([name, ms]) => `${name} ${ms.toFixed(2)}`).join(", ")}.`,
    );
  } finally {
    await skeleton.stop();
    await service.stop();
  }
};

async function measure(address: string, seconds: number): Promise<Summary> {
  const startMs = performance.now();
  const answers = await runClosedLoop({ address, connections: CONNECTIONS, seconds, body: defaultBody });
  return summarise(answers, (performance.now() - startMs) / 1000);
}

async function startSkeleton({ model }: Setting) {
  const redis = await startDurableRedis();
  const started: Started[] = [asStarted(redis)];
  const start = (file: string, ...args: string[]) => {
    const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
    const loader = path("../../../bench/typescript.js");
    const all = ["--import", loader, path(`../${file}`), String(redis.port), ...args];
    return startProcess(file, process.execPath, all, {}, /^ready/m);
  };
  started.push(await start("skeleton-worker.ts", model.folder));
  const api = await start("skeleton-api.ts");
  started.push(api);
  return {
    address: /^ready (http:\S+)/m.exec(api.printed)![1]!,
    async stop() {
      for (const one of started.reverse()) await one.stop();
    },
  };
}
