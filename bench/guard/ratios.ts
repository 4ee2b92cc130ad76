import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

const FILE = new URL("ratios.json", import.meta.url);

/** The engine's ratio by the kind of machine that it was measured on. */
export type StoredRatios = Readonly<Record<string, number>>;

export const readRatios = (): StoredRatios => JSON.parse(readFileSync(FILE, "utf8"));

export function storeRatio(kind: string, ratio: number): void {
  const all = { ...readRatios(), [kind]: Number(ratio.toFixed(3)) };
  writeFileSync(FILE, `${JSON.stringify(all, undefined, 2)}\n`);
}

/** The products that a CPU has instructions for, the fastest first: what ONNX Runtime's kernels differ by. */
const INSTRUCTIONS = ["amx_int8", "avx512_vnni", "avx512f", "avx_vnni", "avx2"];

/** What the engine's ratio depends on although both of its sides run here. */
export function machineKind(): string {
  const maker = /AMD|Intel|Apple/.exec(cpus()[0]?.model ?? "")?.[0] ?? "unknown CPU";
  const flags = cpuFlags();
  return `${maker} ${INSTRUCTIONS.find((name) => flags.has(name)) ?? process.arch}`;
}

function cpuFlags(): Set<string> {
  try {
    return new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" "));
  } catch {
    return new Set(); // no Linux
  }
}
