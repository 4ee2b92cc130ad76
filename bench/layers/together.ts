import { HttpClient } from "../http-client.js";
import type { MeasuredModel } from "../model-folder.js";
import { quantile } from "../statistics.js";
import { closedLoop, requestBody } from "../workload.js";
import { probeLiveness } from "./liveness.js";

export interface Together {
  readonly total: number;
  readonly oneByOneMs: number;
  readonly togetherMs: number;
  /** Latencies of `/health/live` while the images are generated together. */
  readonly liveMs: readonly number[];
}

/** The same requests one after another and all at once, while `/health/live` is probed. */
export async function measureTogether(total: number, address: string, { manifest }: MeasuredModel): Promise<Together> {
  const http = new HttpClient(address);
  const ask = (index: number) => http.image(requestBody(index, manifest));
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
    `/health/live meanwhile, ${liveMs.length} probes: median ${p50}, 95th percentile ${p95}, longest ${most}.`,
  ];
}
