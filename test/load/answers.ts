import { quantile } from "../../bench/statistics.js";

/** One answered request. */
export interface Answer {
  readonly status: number;
  /** Closed loop: from the call. Open loop: from the time it was due, so that a late start counts as latency. */
  readonly latencyMs: number;
  /** When it came, by `performance.now()`; only of the closed loop, whose own end is up to a second later. */
  readonly cameMs?: number;
  /** Seconds of a refusal's `Retry-After`. */
  readonly retryAfterS?: number;
  /** Images that were in flight on average over this one's steps, where the answer says so. */
  readonly batchSize?: number;
  /** From acceptance to the first step, where the answer says so. */
  readonly waitedMs?: number;
}

/** What a stretch of load came to. */
export interface Summary {
  readonly seconds: number;
  readonly requests: number;
  readonly completed: number;
  readonly refused: number;
  /** Neither an image nor a refusal: 5xx, connection errors. */
  readonly errors: number;
  readonly perSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p975: number; readonly p99: number };
  readonly batchSize: number | undefined;
}

export function summarise(answers: readonly Answer[], seconds: number): Summary {
  const completed = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 429).length;
  const latencies = completed.map(({ latencyMs }) => latencyMs);
  const at = (q: number) => (latencies.length === 0 ? Number.NaN : quantile(latencies, q));
  const sizes = completed.flatMap(({ batchSize }) => (batchSize === undefined ? [] : [batchSize]));
  return {
    seconds,
    requests: answers.length,
    completed: completed.length,
    refused,
    errors: answers.length - completed.length - refused,
    perSecond: completed.length / seconds,
    latencyMs: { p50: at(0.5), p90: at(0.9), p975: at(0.975), p99: at(0.99) },
    batchSize: sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0) / sizes.length,
  };
}

export const SUMMARY_HEAD = ["", "Done/s", "p50 ms", "p90 ms", "p97.5 ms", "p99 ms", "429s", "Errors", "Batch", "Fill"];

/** One row of the table under `SUMMARY_HEAD`. */
export function summaryRow(name: string, summary: Summary, maxBatch: number): string[] {
  const { p50, p90, p975, p99 } = summary.latencyMs;
  const ms = (value: number) => (Number.isNaN(value) ? "-" : value.toFixed(value < 100 ? 1 : 0));
  const { batchSize } = summary;
  return [
    name,
    summary.perSecond.toFixed(summary.perSecond < 100 ? 2 : 0),
    ...[p50, p90, p975, p99].map(ms),
    String(summary.refused),
    String(summary.errors),
    batchSize === undefined ? "-" : batchSize.toFixed(1),
    batchSize === undefined ? "-" : `${((100 * batchSize) / maxBatch).toFixed(0)} %`,
  ];
}
