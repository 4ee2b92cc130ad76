import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import sharp from "sharp";

const { version: ortVersion } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };

/** What the numbers depend on, one fact a line. */
export function describeMachine(): string[] {
  return [
    `CPU: ${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Node ${process.versions.node}, onnxruntime-node ${ortVersion}, libvips ${sharp.versions.vips}`,
    `Load average before: ${loadavg()[0]!.toFixed(1)}`,
  ];
}

/** A sentence, where the machine has so much else to do that its numbers mean little. */
export function busyWarning(): string | undefined {
  const load = loadavg()[0]!;
  if (load < 0.75 * availableParallelism()) return undefined;
  return `The machine is busy (load ${load.toFixed(1)} on ${availableParallelism()} cores): the times below are too long, and only the ratios can be used.`;
}
