import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { median } from "../../../bench/statistics.js";
import { markdownTable } from "../../../src/markdown-table.js";
import { startDistributed } from "../../topology/topology.js";
import { summarise } from "../answers.js";
import { defaultBody } from "../bodies.js";
import { runClosedLoop } from "../closed-loop.js";
import { baseEnvironment, type Scenario } from "../scenario.js";

const RESULT_TTL_S = 5;
const STEPS = 10;

/** Ten thousand jobs from end to end, then what they leave behind in Redis once their results' time is over. */
export const leftovers: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const jobs = quick ? 500 : 10_000;
  const environment = { ENGINE: "null", RESULT_TTL_S: String(RESULT_TTL_S) };
  const service = await startDistributed(1, 1, baseEnvironment(setting, environment));
  const redis = service.redis!;
  try {
    const address = service.addresses[0]!;
    const rows: string[][] = [];
    for (let step = 0; step <= STEPS; step++) {
      if (step > 0) {
        progress(`leftovers: ${(step * jobs) / STEPS} of ${jobs} jobs ...`);
        const load = { address, connections: 64, requests: jobs / STEPS, body: defaultBody };
        const done = summarise(await runClosedLoop(load), 1).completed;
        if (done !== jobs / STEPS) throw new Error(`Only ${done} of ${jobs / STEPS} jobs gave an image.`);
      }
      await sleep((RESULT_TTL_S + 2) * 1000);
      rows.push([String((step * jobs) / STEPS), String(await redis.dbsize()), (await usedMiB(redis)).toFixed(2)]);
    }
    print("", `### Leftovers: ${jobs} jobs, results kept for ${RESULT_TTL_S} s`, "");
    print(markdownTable(["Jobs so far", "Keys", "Redis used_memory, MiB"], rows), "");
    print(`- Keys left: ${(await describeKeys(redis)).join("; ")}.`);
  } finally {
    await service.stop();
  }
};

async function usedMiB(redis: Redis): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < 3; i++) samples.push(Number(/used_memory:(\d+)/.exec(await redis.info("memory"))![1]) / 2 ** 20);
  return median(samples);
}

/** Each key with its type, its time to live where it has one, and how many entries it holds. */
async function describeKeys(redis: Redis): Promise<string[]> {
  const keys = (await redis.keys("*")).sort();
  return Promise.all(
    keys.map(async (key) => {
      const [type, ttlMs, bytes] = await Promise.all([redis.type(key), redis.pttl(key), redis.memory("USAGE", key)]);
      return `${key} (${type}, ${bytes} bytes${ttlMs >= 0 ? `, ${Math.ceil(ttlMs / 1000)} s to live` : ""})`;
    }),
  );
}
