import type { Logger } from "pino";
import { type Config, loadConfig } from "../../config.js";
import type { ModelRegistry } from "../../model/registry.js";
import { openLogger } from "../../telemetry/logging.js";
import type { Tracing } from "../../telemetry/tracing.js";
import { readArguments } from "../command-line.js";
import { openModels } from "./open-parts.js";
import { shutdownRequested, shutdownSignal } from "./signals.js";

/** What every service is built from. */
export interface ServiceParts {
  readonly config: Config;
  readonly models: ModelRegistry;
  readonly logger: Logger;
}

/** Begins a command that takes no arguments and is configured by environment variables. */
export async function beginService(argv: string[]): Promise<ServiceParts> {
  readArguments({ args: argv, options: {} });
  const config = loadConfig();
  const logger = openLogger(config.logLevel);
  const models = await openModels(config, undefined, (sentence) => logger.warn(sentence));
  return { config, models, logger };
}

/** One half of Marimba in this process: the API or the worker. */
export interface Service {
  /** Resolves with the reason if the service can't continue. */
  readonly broken?: Promise<Error>;
  /** Accepts no new work; resolves once accepted work has ended, or after `graceMs`. */
  shutDown(graceMs: number): Promise<void>;
  /** Releases everything, however far the start had come. */
  close(): Promise<void>;
}

export interface ServiceRun {
  /** Starts the services; rejects when one of them can't start. */
  readonly start: () => Promise<void>;
  /** In the order in which they are closed. */
  readonly services: readonly Service[];
  /** Closed last, since it reports on the others. */
  readonly tracing?: Tracing | undefined;
  readonly graceMs: number;
  readonly logger: Logger;
}

/** How long closing may take after an uncaught error. */
const UNCAUGHT_MS = 5000;

/** Starts the services and resolves once a signal has stopped them; rejects if one of them broke and so stopped them all. */
export async function runServices({ start, services, tracing, graceMs, logger }: ServiceRun): Promise<void> {
  const close = async () => {
    for (const service of services) await service.close();
    await tracing?.close();
  };
  process.on("uncaughtException", (error, origin) => {
    // The process may be in any state: exit, and let its supervisor restart it.
    logger.fatal({ err: error, origin }, "Uncaught error; exiting.");
    const exit = () => process.exit(1);
    setTimeout(exit, UNCAUGHT_MS);
    void close().then(exit, exit);
  });
  const stopped = shutdownSignal((signal) => logger.warn(`Second ${signal}: exiting at once.`));
  try {
    if (shutdownRequested()) return;
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
