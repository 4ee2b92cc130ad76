import { markdownTable } from "../../src/markdown-table.js";
import type { Answer, HttpClient } from "../http-client.js";
import type { Load, MeasuringProcess } from "../measuring-process.js";
import type { MeasuredModel } from "../model-folder.js";
import { median, pairedRatio, quantile } from "../statistics.js";
import { closedLoop, requestBody } from "../workload.js";

/** Three ways to the same images, from the inside out. */
export interface Sides {
  readonly runs: MeasuringProcess<"runs">;
  readonly engine: MeasuringProcess<"engine">;
  readonly http: HttpClient;
}

/** At one concurrency: each way's milliseconds in each round, and every answer. */
export interface Throughput extends Load {
  readonly runsMs: number[];
  readonly engineMs: number[];
  readonly httpMs: number[];
  readonly answers: Answer[];
}

/** Measures the three ways in turn; each round begins with another one. */
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

/** Images per second, and each layer's share of the layer below it. */
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

/** How long a single client waits for an image, where the time goes, and how much of it is not ONNX. */
export function singleImageLines({ answers, total, runsMs, engineMs }: Throughput): string[] {
  const latencies = answers.map(({ ms }) => ms);
  const names = Object.keys(answers[0]!.timing).filter((name) => name !== "total");
  const terms = names.map((name) => `${name} ${median(answers.map(({ timing }) => timing[name]!)).toFixed(1)}`);
  const outsideMs = median(answers.map(({ ms, timing }) => ms - timing.total!));
  const javascript = median(engineMs.map((ms, round) => (ms - runsMs[round]!) / total));
  const share = (100 * javascript) / (median(engineMs) / total);
  return [
    `A single client's image: median ${median(latencies).toFixed(0)} ms, slowest of ${latencies.length} ${quantile(latencies, 1).toFixed(0)} ms.`,
    `Of which, in ms (Server-Timing): ${terms.join(", ")}; HTTP round trip ${outsideMs.toFixed(1)}.`,
    `The engine outside its ONNX runs: ${javascript.toFixed(1)} ms, ${share.toFixed(1)} % of its time.`,
  ];
}
