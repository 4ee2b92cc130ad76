import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Five times a second, the memory in use on the first GPU, in MiB. */
const COMMAND = ["--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--loop-ms=200"];

/** Watches how much memory of the GPU is in use, by whatever process: runs take turns, so it is the run's. */
export class GpuMemory {
  #mostMib = 0;

  private constructor(
    private readonly command: ChildProcess,
    private readonly beforeMib: number,
  ) {}

  /** Rejects where there is no nvidia-smi, or no GPU. */
  static async watch(): Promise<GpuMemory> {
    const command = spawn("nvidia-smi", COMMAND, { stdio: ["ignore", "pipe", "ignore"] });
    const readings = createInterface({ input: command.stdout });
    const failed = once(command, "close").then(() => {
      throw new Error("nvidia-smi reports no memory of a GPU.");
    });
    failed.catch(() => {});
    const [first] = (await Promise.race([once(readings, "line"), failed])) as [string];
    const memory = new GpuMemory(command, Number(first));
    readings.on("line", (line) => {
      memory.#mostMib = Math.max(memory.#mostMib, Number(line));
    });
    return memory;
  }

  get peakMib(): number {
    return Math.max(0, this.#mostMib - this.beforeMib);
  }

  stop(): void {
    this.command.kill();
  }
}
