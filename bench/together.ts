import { setTimeout as sleep } from "node:timers/promises";
import { closedLoop } from "./closed-loop.js";
import { HttpClient } from "./http-client.js";
import type { MeasuredModel } from "./model-folder.js";
import { quantile } from "./statistics.js";
import { requestBody } from "./workload.js";

/** How often `/health/live` is asked. */
const PROBE_MS = 20;

export interface Together {
  readonly total: number;
  readonly oneByOneMs: number;
  readonly togetherMs: number;
  /** Latencies of `/health/live` while they were made together. */
  readonly liveMs: readonly number[];
}

/** The same requests one after another and all at once, with `/health/live` asked all the while. */
export async function measureTogether(total: number, address: string, { manifest }: MeasuredModel): Promise<Together> {
  const http = new HttpClient(address);
  const ask = (index: number) => http.picture(requestBody(index, manifest));
  const oneByOneMs = await closedLoop(total, 1, ask);
  const probe = probeLiveness(address);
  const togetherMs = await closedLoop(total, total, ask);
  const liveMs = await probe.stop();
  http.close();
  return { total, oneByOneMs, togetherMs, liveMs };
}

export function togetherLines({ total, oneByOneMs, togetherMs, liveMs }: Together): string[] {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const ratio = (oneByOneMs / togetherMs).toFixed(2);
  const [p50, p95, most] = [0.5, 0.95, 1].map((q) => `${quantile(liveMs, q).toFixed(1)} ms`);
  return [
    `${total} requests: one after another ${seconds(oneByOneMs)}, together ${seconds(togetherMs)}: ${ratio} times as fast.`,
    `/health/live meanwhile, asked ${liveMs.length} times: median ${p50}, 95th percentile ${p95}, longest ${most}.`,
  ];
}

/** Asks at fixed times, whether or not the last answer is there: a slow answer hides none that would have followed. */
function probeLiveness(address: string) {
  const http = new HttpClient(address);
  const answers: Promise<number>[] = [];
  let stopped = false;
  const done = (async () => {
    for (let dueMs = performance.now(); !stopped; dueMs += PROBE_MS) {
      await sleep(Math.max(0, dueMs - performance.now()));
      answers.push(http.get("/health/live").then(() => performance.now() - dueMs));
    }
  })();
  return {
    async stop(): Promise<number[]> {
      stopped = true;
      await done;
      const latencies = await Promise.all(answers);
      http.close();
      return latencies;
    },
  };
}
