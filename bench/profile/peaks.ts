import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The machine's peak rates, all threads together. */
export interface Peaks {
  /** 10^9 operations a second, counting multiplications and additions; absent if the CPU lacks the instructions. */
  readonly float32?: number;
  /** By tiles (AMX) where the CPU has them, like int8. */
  readonly bfloat16?: number;
  readonly int8?: number;
  /** Of the last level's cache, where the system knows it. */
  readonly lastCacheBytes?: number;
  /** 10^9 bytes a second, read from 128 KiB and from 256 MiB a thread. */
  readonly cacheGBs: number;
  readonly memoryGBs: number;
}

const TRIES = 5;

/** What peaks.c takes. */
export const MOST_THREADS = 256;

/** Measures with a small C program, the best of five runs. Undefined if there is no C compiler. */
export function measurePeaks(threads: number): Peaks | undefined {
  if (spawnSync("cc", ["--version"]).error) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "marimba-peaks-"));
  try {
    const program = join(folder, "peaks");
    const source = fileURLToPath(new URL("peaks.c", import.meta.url));
    execFileSync("cc", ["-O2", "-march=native", "-pthread", "-o", program, source], { stdio: "inherit" });
    const tries = Array.from(
      { length: TRIES },
      () => JSON.parse(execFileSync(program, [String(threads)], { encoding: "utf8" })) as Peaks,
    );
    return highest(tries);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of one machine's peaks, each rate's highest: other work can only lower them. */
export function highest(all: readonly Peaks[]): Peaks {
  const rates = Object.keys(all[0]!) as (keyof Peaks)[];
  return Object.fromEntries(rates.map((rate) => [rate, Math.max(...all.map((one) => one[rate]!))])) as unknown as Peaks;
}

export function describePeaks(peaks: Peaks, threads: number): string {
  const rates = (["float32", "bfloat16", "int8"] as const).flatMap((type) =>
    peaks[type] ? [`${type} ${peaks[type]}`] : [],
  );
  return `At most, with ${threads} threads: ${rates.join(", ")} GOP/s, ${peaks.cacheGBs} GB/s from cache, ${peaks.memoryGBs} GB/s from memory`;
}
