import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { probeLiveness } from "../../../bench/liveness.js";
import { median, quantile } from "../../../bench/statistics.js";
import { markdownTable } from "../../../bench/table.js";
import { startDistributed, type Topology } from "../../topology/topology.js";
import { type Answer, SUMMARY_HEAD, summarise, summaryRow } from "../answers.js";
import { mixedParameters } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { constantArrivals, post, runOpenLoop } from "../open-loop.js";
import { baseEnvironment, MAX_BATCH, type Scenario } from "../scenario.js";

/** Times the measured capacity at which requests arrive. */
const OVERLOAD = 3;
const MAX_QUEUED_IMAGES = 64;
/** Refused clients that come back when they were told to. */
const RETURNING = 20;
const SAMPLE_MS = 1000;
/** Long enough for the collector of a process that has just started to come to its ordinary round. */
const SECONDS = 180;

/** Three times more requests than can be made: what is refused, what the accepted wait, and what it costs in memory. */
export const overload: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const seconds = quick ? 8 : SECONDS;
  const environment = { MAX_QUEUED_IMAGES: String(MAX_QUEUED_IMAGES), RESULT_TTL_S: "30" };
  const service = await startDistributed(1, 1, baseEnvironment(setting, environment));
  try {
    progress("overload: measuring the capacity ...");
    const address = service.addresses[0]!;
    const startMs = performance.now();
    const load = { address, connections: 2 * MAX_BATCH, requests: quick ? 48 : 160, body: mixedParameters };
    const sustained = summarise(await runClosedLoop(load), (performance.now() - startMs) / 1000);
    const rate = OVERLOAD * sustained.perSecond;
    progress(`overload: ${rate.toFixed(1)} a second for ${seconds} s ...`);
    const samples = sampleWhile(service);
    const live = probeLiveness(address);
    const begunMs = performance.now();
    const dueMs = constantArrivals(rate, seconds);
    let sendingEndsMs = 0;
    const endOfSending = sleep(seconds * 1000).then(() => {
      sendingEndsMs = performance.now();
    });
    const answers = await runOpenLoop({ addresses: service.addresses, dueMs, body: mixedParameters });
    const summary = summarise(answers, (performance.now() - begunMs) / 1000);
    await endOfSending;
    const liveMs = await live.stop();
    const memory = samples.stop();
    const tries = await comeBack(address, answers);
    const rows = [
      summaryRow("Sustained", sustained, MAX_BATCH),
      summaryRow(`${OVERLOAD} times as much`, summary, MAX_BATCH),
    ];
    print(
      "",
      `### Overload: ${rate.toFixed(1)} requests a second for ${seconds} s, at most ${MAX_QUEUED_IMAGES} waiting`,
    );
    print("", markdownTable(SUMMARY_HEAD, rows), "", memoryTable(memory, sendingEndsMs - begunMs), "");
    const accepted = answers.filter(({ status }) => status === 200).map(({ latencyMs }) => latencyMs);
    const waited = answers.flatMap(({ waitedMs }) => (waitedMs === undefined ? [] : [waitedMs]));
    const atThatRate = (count: number) => (count / summary.perSecond).toFixed(1);
    const retryAfterS = answers.flatMap((one) => (one.retryAfterS === undefined ? [] : [one.retryAfterS]));
    print(
      `- Images waiting, asked every second: at most ${Math.max(...memory.map(({ waiting }) => waiting))}.`,
      `- Accepted images waited at most ${(Math.max(...waited) / 1000).toFixed(1)} s for their first step: the cap at the rate at which they were made is ${atThatRate(MAX_QUEUED_IMAGES)} s.`,
      `- Accepted requests took at most ${(Math.max(...accepted) / 1000).toFixed(1)} s, the batch that each was made in included: cap and two batches are ${atThatRate(MAX_QUEUED_IMAGES + 2 * MAX_BATCH)} s.`,
      `- Retry-After: median ${retryAfterS.length === 0 ? "-" : median(retryAfterS).toFixed(0)} s. Obeyed after the load had gone, ${tries.length} clients needed at most ${Math.max(0, ...tries)} tries.`,
      `- /health/live meanwhile, asked ${liveMs.length} times: 95th percentile ${quantile(liveMs, 0.95).toFixed(1)} ms.`,
    );
  } finally {
    await service.stop();
  }
};

/** Tries that refused clients needed who waited as long as they were told before each. */
async function comeBack(address: string, answers: readonly Answer[]): Promise<number[]> {
  const refused = answers.filter(({ status }) => status === 429).slice(-RETURNING);
  const agent = new Agent({ keepAlive: true });
  const tries = await Promise.all(
    refused.map(async (refusal, index) => {
      let { retryAfterS } = refusal;
      for (let count = 1; ; count++) {
        await sleep(retryAfterS! * 1000);
        const again = await post(`${address}/generate`, mixedParameters(90_000 + index), agent);
        if (again.status === 200) return count;
        if (again.status !== 429) throw new Error(`A client that came back was answered ${again.status}.`);
        retryAfterS = again.retryAfterS;
      }
    }),
  );
  agent.destroy();
  return tries;
}

interface Sample {
  readonly atMs: number;
  readonly waiting: number;
  readonly memory: Readonly<Record<string, number>>;
  readonly redisMiB: number;
}

function sampleWhile(service: Topology) {
  const samples: Sample[] = [];
  const startMs = performance.now();
  const timer = setInterval(async () => {
    const [info, waiting] = await Promise.all([
      service.redis!.info("memory"),
      service.redis!.llen("marimba:demo:wait"),
    ]);
    const redisMiB = Number(/used_memory:(\d+)/.exec(info)![1]) / 2 ** 20;
    samples.push({ atMs: performance.now() - startMs, waiting, memory: service.memory(), redisMiB });
  }, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return samples;
    },
  };
}

/** Medians of the second and of the fourth quarter of the load: what grows steadily shows between them. */
function memoryTable(samples: readonly Sample[], loadMs: number): string {
  const quarter = (number: number) =>
    samples.filter(({ atMs }) => atMs >= ((number - 1) * loadMs) / 4 && atMs < (number * loadMs) / 4);
  const names = [...Object.keys(samples[0]!.memory), "Redis used_memory"];
  const of = (sample: Sample, name: string) => sample.memory[name] ?? sample.redisMiB;
  const rows = names.map((name) => {
    const [second, fourth] = [2, 4].map((number) => median(quarter(number).map((sample) => of(sample, name))));
    return [name, second!.toFixed(1), fourth!.toFixed(1), (fourth! / second!).toFixed(2)];
  });
  return markdownTable(["MiB", "Second quarter", "Last quarter", "Ratio"], rows);
}
