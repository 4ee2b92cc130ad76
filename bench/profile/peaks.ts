import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The machine's peak rates, all threads together. */
export interface Peaks {
  /** 10^9 operations a second, counting multiplications and additions; absent if the CPU lacks the instructions. */
  readonly float32?: number;
  readonly int8?: number;
  /** 10^9 bytes a second, read from 4 MiB and from 256 MiB a thread. */
  readonly cacheGBs: number;
  readonly memoryGBs: number;
}

/** Measures with a small C program, the best of three. Throws if there is no C compiler. */
export function measurePeaks(threads: number): Peaks {
  const folder = mkdtempSync(join(tmpdir(), "marimba-peaks-"));
  try {
    const program = join(folder, "peaks");
    const source = fileURLToPath(new URL("peaks.c", import.meta.url));
    execFileSync("cc", ["-O2", "-march=native", "-pthread", "-o", program, source], { stdio: "inherit" });
    const tries = [1, 2, 3].map(
      () => JSON.parse(execFileSync(program, [String(threads)], { encoding: "utf8" })) as Peaks,
    );
    const best = (of: (p: Peaks) => number | undefined) => Math.max(...tries.map((p) => of(p) ?? 0));
    return {
      ...(tries[0]!.float32 ? { float32: best((p) => p.float32) } : {}),
      ...(tries[0]!.int8 ? { int8: best((p) => p.int8) } : {}),
      cacheGBs: best((p) => p.cacheGBs),
      memoryGBs: best((p) => p.memoryGBs),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
