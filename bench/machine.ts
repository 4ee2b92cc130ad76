import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import sharp from "sharp";

const { version: ortVersion } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };

/** Facts about the machine that the numbers depend on, one a line. */
export function describeMachine(): string[] {
  return [
    `CPU: ${cpus()[0]?.model.trim() ?? "unknown"}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Node ${process.versions.node}, onnxruntime-node ${ortVersion}, libvips ${sharp.versions.vips}`,
    `Load average before: ${loadavg()[0]!.toFixed(1)}`,
  ];
}

/** A warning if the machine is so busy that the numbers mean little. */
export function busyWarning(): string | undefined {
  const load = loadavg()[0]!;
  if (load < 0.75 * availableParallelism()) return undefined;
  return `The machine is busy (load ${load.toFixed(1)} on ${availableParallelism()} cores): the times below are too long; only the ratios are usable.`;
}
