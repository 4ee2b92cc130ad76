import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { probeLiveness } from "../../../bench/layers/liveness.js";
import { median, quantile } from "../../../bench/statistics.js";
import { markdownTable } from "../../../src/markdown-table.js";
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
/** Requests before, which the API refuses as invalid: a process that has just started grows whatever it is asked. */
const EARLIER_REQUESTS = 20_000;

/** Three times more requests than can be made: what is refused, what the accepted wait, and what it costs in memory. */
export const overload: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const seconds = quick ? 8 : 60;
  const environment = { MAX_QUEUED_IMAGES: String(MAX_QUEUED_IMAGES), RESULT_TTL_S: "30" };
  const service = await startDistributed(1, 1, baseEnvironment(setting, environment));
  try {
    const address = service.addresses[0]!;
    progress("overload: warming up the API ...");
    const invalid = () => ({ class: "none of that name" });
    await runClosedLoop({ address, connections: 64, requests: quick ? 200 : EARLIER_REQUESTS, body: invalid });
    progress("overload: measuring the capacity ...");
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
    const order = ordersOf(answers, dueMs);
    const retryAfterS = answers.flatMap((one) => (one.retryAfterS === undefined ? [] : [one.retryAfterS]));
    print(
      `- Images waiting, asked every second: at most ${Math.max(...memory.map(({ waiting }) => waiting))}.`,
      `- While an accepted request waited for its first step, at most ${order.whileWaiting} others were completed: cap and one batch are ${MAX_QUEUED_IMAGES + MAX_BATCH}.`,
      `- Accepted requests took at most ${(order.longestMs / 1000).toFixed(1)} s, the steps that they asked for included.`,
      `- Retry-After: median ${retryAfterS.length === 0 ? "-" : median(retryAfterS).toFixed(0)} s. Obeyed after the load had gone, ${tries.length} clients needed at most ${Math.max(0, ...tries)} tries.`,
      `- /health/live meanwhile, asked ${liveMs.length} times: 95th percentile ${quantile(liveMs, 0.95).toFixed(1)} ms.`,
    );
  } finally {
    await service.stop();
  }
};

/**
 * How long accepted requests took, and what they waited for, counted in others' completions: a queue that holds to its cap lets
 * no more pass before a request's first step than it and the batch have places, however fast the machine is at that time.
 */
function ordersOf(answers: readonly Answer[], dueMs: readonly number[]) {
  const accepted = answers.flatMap(({ status, latencyMs, waitedMs = 0 }, index) =>
    status === 200 ? [{ due: dueMs[index]!, started: dueMs[index]! + waitedMs, ended: dueMs[index]! + latencyMs }] : [],
  );
  const whileWaiting = accepted.map(
    ({ due, started }) => accepted.filter(({ ended }) => ended > due && ended < started).length,
  );
  return {
    longestMs: Math.max(...accepted.map(({ due, ended }) => ended - due)),
    whileWaiting: Math.max(...whileWaiting),
  };
}

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
      service.redis!.hget("marimba::counts", "waiting"),
    ]);
    const redisMiB = Number(/used_memory:(\d+)/.exec(info)![1]) / 2 ** 20;
    samples.push({ atMs: performance.now() - startMs, waiting: Number(waiting), memory: service.memory(), redisMiB });
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
