import { markdownTable } from "../../src/markdown-table.js";
import type { HttpClient } from "../http-client.js";
import type { Load, MeasuringProcess } from "../measuring-process.js";
import type { MeasuredModel } from "../model-folder.js";
import { median } from "../statistics.js";
import { closedLoop, requestBody } from "../workload.js";
import type { Throughput } from "./throughput.js";

export type EngineProcess = MeasuringProcess<"engine" | "png" | "plainPng" | "queued">;

/** Each layer's own time in milliseconds per image, measured without the engine, whose noise would hide it. */
export interface OwnTime {
  readonly concurrency: number;
  readonly pngMs: number;
  readonly queueMs: number;
  readonly httpMs: number;
}

/**
 * Measures layer upon layer over an engine that takes no time: encoding, then queue and worker, then HTTP.
 * `nullServer` is a server with ENGINE=null.
 */
export async function measureOwnTime(
  load: Load,
  rounds: number,
  process: EngineProcess,
  nullServer: HttpClient,
  { manifest }: MeasuredModel,
): Promise<OwnTime> {
  const { total, concurrency } = load;
  const viaHttp = () => closedLoop(total, concurrency, (index) => nullServer.image(requestBody(index, manifest)));
  const layers = [
    () => process.measure("png", load),
    () => process.measure("plainPng", load),
    () => process.measure("queued", load),
    viaHttp,
  ];
  const perImage: number[][] = layers.map(() => []);
  for (let round = -1; round < rounds; round++)
    for (const [layer, measure] of layers.entries()) {
      const ms = await measure();
      if (round >= 0) perImage[layer]!.push(ms / total); // round -1 warms up
    }
  const [png, plainPng, queued, http] = perImage as [number[], number[], number[], number[]];
  const difference = (upper: number[], lower: number[]) => median(upper.map((ms, round) => ms - lower[round]!));
  return { concurrency, pngMs: median(png), queueMs: difference(queued, plainPng), httpMs: difference(http, queued) };
}

/** Milliseconds per image, and their share of an image's time through HTTP at this concurrency. */
export function ownTimeTable(parts: readonly OwnTime[], throughputs: readonly Throughput[]): string {
  const rows = parts.map(({ concurrency, pngMs, queueMs, httpMs }, i) => {
    const through = throughputs[i]!;
    const perImage = (ms: readonly number[]) => median(ms) / through.total;
    const imageMs = perImage(through.httpMs);
    const batchingMs = perImage(through.engineMs.map((ms, round) => ms - through.runsMs[round]!));
    const cell = (ms: number) => `${ms.toFixed(2)} (${((100 * ms) / imageMs).toFixed(1)} %)`;
    const runsMs = perImage(through.runsMs);
    return [String(concurrency), imageMs.toFixed(1), ...[runsMs, batchingMs, pngMs, queueMs, httpMs].map(cell)];
  });
  return markdownTable(["Concurrent", "HTTP in all", "ONNX runs", "Batching", "PNG", "Queue", "HTTP"], rows);
}
