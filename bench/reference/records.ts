import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { StepTime } from "./partial-runtime.js";

/** What one run of a side measured, in milliseconds. */
export interface RunResult {
  /** Of the steps that were computed. */
  readonly stepTimes: readonly StepTime[];
  readonly decode: number;
  readonly wall: number;
  /** Within ONNX runs; of Marimba only. */
  readonly onnx?: number;
  readonly peakRssMib: number;
  readonly version: string;
}

/** What a run is a measurement of: two runs with equal keys measure the same. */
export interface RunKey {
  readonly side: string;
  /** What was measured: the checkpoint, or the imported model's hash. */
  readonly subject: string;
  readonly batch: number;
  /** Every k-th autoregressive step was computed. */
  readonly every: number;
  readonly steps: number;
  readonly diffusionSteps: number;
  readonly guidance: number;
  readonly threads: number;
  readonly round: number;
}

export interface RunRecord extends RunKey, RunResult {
  readonly loadBefore: number;
  readonly at: string;
}

/** Runs kept in a file, one JSON object a line: a run that is in it is not made again. */
export class Records {
  private constructor(
    private readonly path: string,
    private readonly known: Map<string, RunRecord>,
  ) {}

  static async open(path: string): Promise<Records> {
    await mkdir(dirname(path), { recursive: true });
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    const records = text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as RunRecord);
    return new Records(path, new Map(records.map((record) => [keyOf(record), record])));
  }

  find(key: RunKey): RunRecord | undefined {
    return this.known.get(keyOf(key));
  }

  async add(record: RunRecord): Promise<void> {
    this.known.set(keyOf(record), record);
    await appendFile(this.path, `${JSON.stringify(record)}\n`);
  }
}

function keyOf({ side, subject, batch, every, steps, diffusionSteps, guidance, threads, round }: RunKey): string {
  return JSON.stringify([side, subject, batch, every, steps, diffusionSteps, guidance, threads, round]);
}
