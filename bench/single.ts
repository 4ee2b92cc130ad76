import { median, quantile } from "./statistics.js";
import type { Throughput } from "./throughput.js";

/** What a client waits for one image when nobody else asks, where that time goes, and what isn't an ONNX run. */
export function singleImageLines({ answers, total, runsMs, engineMs }: Throughput): string[] {
  const latencies = answers.map(({ ms }) => ms);
  const names = Object.keys(answers[0]!.timing).filter((name) => name !== "total");
  const terms = names.map((name) => `${name} ${median(answers.map(({ timing }) => timing[name]!)).toFixed(1)}`);
  const outsideMs = median(answers.map(({ ms, timing }) => ms - timing.total!));
  const javascript = median(engineMs.map((ms, round) => (ms - runsMs[round]!) / total));
  const share = (100 * javascript) / (median(engineMs) / total);
  return [
    `One image, nobody else asking: median ${median(latencies).toFixed(0)} ms, slowest of ${latencies.length} ${quantile(latencies, 1).toFixed(0)} ms.`,
    `Of which, in ms (Server-Timing): ${terms.join(", ")}; on the way to the server and back ${outsideMs.toFixed(1)}.`,
    `The engine outside its ONNX runs: ${javascript.toFixed(1)} ms, ${share.toFixed(1)} % of its time.`,
  ];
}
