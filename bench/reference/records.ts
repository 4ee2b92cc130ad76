import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Deviation } from "../../src/importer/imported-family.js";
import type { Peaks } from "../profile/peaks.js";
import type { Copies } from "./copies.js";
import type { StepTime } from "./partial-runtime.js";

/** The measurements of one run of a side, in milliseconds. */
export interface RunResult {
  /** One entry for each computed step. */
  readonly stepTimes: readonly StepTime[];
  readonly decode: number;
  readonly wall: number;
  /** Time within ONNX runs; Marimba only. */
  readonly onnx?: number;
  readonly peakRssMib: number;
  /** Memory of the GPU: the most in use while the run went on, less what was in use before it. */
  readonly peakGpuMib?: number;
  /** Of all runs; Marimba only. */
  readonly copies?: Copies;
  /** From float32, on the same inputs. Of a side's first run only; none of sides in float32, and of presets. */
  readonly deviations?: readonly Deviation[];
  readonly version: string;
}

/** Runs with equal keys measure the same. */
export interface RunKey {
  readonly side: string;
  readonly provider: string;
  /** The subject: the checkpoint, or the imported model's hash; and a hash of the side's code. */
  readonly subject: string;
  readonly batch: number;
  /** Only every k-th autoregressive step was computed. */
  readonly every: number;
  readonly steps: number;
  readonly diffusionSteps: number;
  readonly guidance: number;
  readonly threads: number;
  readonly round: number;
}

export interface RunRecord extends RunKey, RunResult {
  /** Measured before the run; absent on a GPU, and without a C compiler. */
  readonly peaks?: Peaks;
  readonly loadBefore: number;
  readonly at: string;
}

/** Runs kept in a file, one JSON object a line: a run in it is not repeated. */
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
    const lines = text.split("\n");
    // A process that was killed may have left a part of a line.
    if (lines.pop()) await writeFile(path, lines.map((line) => `${line}\n`).join(""));
    const records = lines.map((line) => JSON.parse(line) as RunRecord);
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

function keyOf(key: RunKey): string {
  const { side, provider, subject, batch, every, steps, diffusionSteps, guidance, threads, round } = key;
  return JSON.stringify([side, provider, subject, batch, every, steps, diffusionSteps, guidance, threads, round]);
}
