import { openRedisSource, openTracing } from "./services/open-parts.js";
import { beginService, runServices } from "./services/run-services.js";
import { WorkerService } from "./services/worker-service.js";

export const usage = `marimba worker: generates the images that API processes queue in Redis

  marimba worker

Needs REDIS_URL. It generates images of every model in MODELS, and listens on a port only when WORKER_PORT is set.
Environment variables configure it.
`;

/** Runs `marimba worker` until a signal ends it; returns the exit code. */
export async function run(argv: string[]): Promise<number> {
  const { config, models, logger } = await beginService(argv);
  const tracing = await openTracing(config, "worker", logger);
  const source = await openRedisSource(config, "worker", logger);
  // Metrics, and Prometheus's client with them, are loaded only where they can be scraped.
  const registry =
    config.workerPort === undefined
      ? undefined
      : (await import("../telemetry/process-metrics.js")).openRegistry("worker");
  const worker = new WorkerService({ config, source, models, logger, tracing, ...(registry && { registry }) });
  const names = models.list().map(({ name }) => name);
  const start = async () => {
    process.stdout.write(`The worker loads ${names.join(", ")}.\n`);
    if (await worker.start()) process.stdout.write("Ready: the worker takes images.\n");
  };
  await runServices({ start, services: [worker], tracing, graceMs: config.shutdownGraceS * 1000, logger });
  return 0;
}
