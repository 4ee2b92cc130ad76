import { markdownTable } from "../src/markdown-table.js";
import { closedLoop } from "./closed-loop.js";
import type { Answer, HttpClient } from "./http-client.js";
import type { Load, MeasuringProcess } from "./measuring-process.js";
import type { MeasuredModel } from "./model-folder.js";
import { median, pairedRatio } from "./statistics.js";
import { requestBody } from "./workload.js";

/** The same images by three ways, from the inside out. */
export interface Sides {
  readonly runs: MeasuringProcess<"runs">;
  readonly engine: MeasuringProcess<"engine">;
  readonly http: HttpClient;
}

/** One concurrency: what each way took in each round, in milliseconds, and every answer. */
export interface Throughput extends Load {
  readonly runsMs: number[];
  readonly engineMs: number[];
  readonly httpMs: number[];
  readonly answers: Answer[];
}

/** Measures the three ways in turn, each round beginning with another, after one round that doesn't count. */
export async function measureThroughput(
  load: Load,
  rounds: number,
  sides: Sides,
  { manifest }: MeasuredModel,
): Promise<Throughput> {
  const result: Throughput = { ...load, runsMs: [], engineMs: [], httpMs: [], answers: [] };
  const { total, concurrency } = load;
  const ways = [
    async () => result.runsMs.push(await sides.runs.measure("runs", load)),
    async () => result.engineMs.push(await sides.engine.measure("engine", load)),
    async () => {
      const ms = await closedLoop(total, concurrency, async (index) => {
        result.answers.push(await sides.http.image(requestBody(index, manifest)));
      });
      result.httpMs.push(ms);
    },
  ];
  await sides.runs.measure("runs", load); // records what it replays
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < ways.length; i++) await ways[(round + i) % ways.length]!();
  return result;
}

/** Images a second and what each layer leaves of the one below it. */
export function throughputTable(results: readonly Throughput[]): string {
  const perSecond = (total: number, ms: readonly number[]) => (total / (median(ms) / 1000)).toFixed(2);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rows = results.map(({ concurrency, total, runsMs, engineMs, httpMs }) => [
    String(concurrency),
    perSecond(total, runsMs),
    perSecond(total, engineMs),
    perSecond(total, httpMs),
    percent(pairedRatio(runsMs, engineMs)),
    percent(pairedRatio(engineMs, httpMs)),
    percent(pairedRatio(runsMs, httpMs)),
  ]);
  const head = ["Concurrent", "ONNX runs/s", "Engine/s", "HTTP/s", "Engine : runs", "HTTP : engine", "HTTP : runs"];
  return markdownTable(head, rows);
}
