import type { Logger } from "pino";
import type { Tracing } from "../../telemetry/tracing.js";
import { shutdownAsked, shutdownSignal } from "./signals.js";

/** One half of Marimba in this process: the API or the worker. */
export interface Service {
  /** Resolves with why the service can't go on, if that ever happens. */
  readonly broken?: Promise<Error>;
  /** Takes no new work from here on; resolves once what was taken has ended, or after `graceMs`. */
  shutDown(graceMs: number): Promise<void>;
  /** Lets go of everything, however far the start had come. */
  close(): Promise<void>;
}

export interface ServiceRun {
  /** Starts the services; rejects when one can't start. */
  readonly start: () => Promise<void>;
  /** In the order in which they are closed. */
  readonly services: readonly Service[];
  /** Closed last, for it tells of the others. */
  readonly tracing?: Tracing | undefined;
  readonly graceMs: number;
  readonly logger: Logger;
}

/** What closing gets after an error that nobody caught. */
const UNCAUGHT_MS = 5000;

/** Starts the services and resolves once a signal has stopped them; rejects after one that can't go on has stopped them. */
export async function runServices({ start, services, tracing, graceMs, logger }: ServiceRun): Promise<void> {
  const close = async () => {
    for (const service of services) await service.close();
    await tracing?.close();
  };
  process.on("uncaughtException", (error, origin) => {
    // A state that nobody foresaw is no state to go on in: whoever supervises the process starts it afresh.
    logger.fatal({ err: error, origin }, "An error that nobody caught; exiting.");
    const exit = () => process.exit(1);
    setTimeout(exit, UNCAUGHT_MS);
    void close().then(exit, exit);
  });
  const stopped = shutdownSignal((signal) => logger.warn(`A second ${signal}: exiting at once.`));
  try {
    if (shutdownAsked()) return;
    const broken = services.flatMap((service) => service.broken ?? []);
    const why = await Promise.race([start().then(() => stopped), stopped, ...broken]);
    if (why instanceof Error) logger.fatal({ graceMs }, `${why.message} Shutting down.`);
    else logger.info({ graceMs }, `${why}: shutting down.`);
    await Promise.all(services.map((service) => service.shutDown(graceMs)));
    if (why instanceof Error) throw why;
  } finally {
    await close();
    logger.info("Everything is closed.");
  }
}
