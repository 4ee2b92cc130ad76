import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A number of images, and how many of them are in progress at once. */
export interface Load {
  readonly total: number;
  readonly concurrency: number;
}

interface Ask extends Load {
  readonly measure: string;
}

type Reply = { readonly ms: number } | { readonly error: string };

/** A separate process that measures on request, so that it shares no memory, threads or pauses with others. */
export class MeasuringProcess<Measure extends string> {
  private constructor(private readonly process: ChildProcess) {}

  /** Starts a file of this folder, which calls `serveMeasurements`, with these arguments; resolves once it is ready. */
  static async start<Measure extends string>(file: string, ...args: string[]): Promise<MeasuringProcess<Measure>> {
    const process = fork(new URL(file, import.meta.url), args);
    const started = new MeasuringProcess<Measure>(process);
    await started.reply();
    return started;
  }

  /** Resolves with the milliseconds that the load took, or with what the file says instead. */
  async measure(measure: Measure, load: Load): Promise<number> {
    this.process.send({ measure, ...load } satisfies Ask);
    return this.reply();
  }

  async stop(): Promise<void> {
    const ended = once(this.process, "exit");
    this.process.disconnect();
    await ended;
  }

  private async reply(): Promise<number> {
    const replied = new AbortController();
    const { signal } = replied;
    try {
      const message = once(this.process, "message", { signal }).then(([value]) => value as Reply);
      const ended = once(this.process, "exit", { signal }).then(([code]) => ({
        error: `A measuring process ended with exit code ${code}.`,
      }));
      const reply = await Promise.race([message, ended]);
      if ("error" in reply) throw new Error(reply.error);
      return reply.ms;
    } finally {
      replied.abort();
    }
  }
}

/** The process's side: answers one measurement after another until its parent disconnects. */
export function serveMeasurements<Measure extends string>(
  measures: Record<Measure, (load: Load) => Promise<number>>,
): void {
  const reply = (message: Reply) => process.send!(message);
  process.on("message", async ({ measure, total, concurrency }: Ask) => {
    try {
      reply({ ms: await measures[measure as Measure]({ total, concurrency }) });
    } catch (error) {
      reply({ error: error instanceof Error ? error.message : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
  reply({ ms: 0 });
}
