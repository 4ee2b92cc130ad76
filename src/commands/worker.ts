import { openRedisSource } from "./services/open-parts.js";
import { openRegistry } from "./services/open-registry.js";
import { openTracing } from "./services/open-tracing.js";
import { runServices } from "./services/run-services.js";
import { beginService } from "./services/service-command.js";
import { WorkerService } from "./services/worker-service.js";

const USAGE = `marimba worker: makes the pictures that API processes queue in Redis

  marimba worker

Needs REDIS_URL. It makes pictures of every model of MODELS, and listens nowhere unless WORKER_PORT is set. Everything is
set by environment variables.
`;

/** Runs `marimba worker` until a signal ends it; returns the exit code. */
export async function runWorker(argv: string[]): Promise<number> {
  const parts = await beginService(argv, USAGE);
  if (!parts) return 0;
  const { config, models, logger } = parts;
  const tracing = await openTracing(config, "worker", logger);
  const source = await openRedisSource(config, "worker", logger);
  // Measured only where somebody can ask.
  const registry = config.workerPort === undefined ? undefined : await openRegistry("worker");
  const worker = new WorkerService({ config, source, models, logger, tracing, ...(registry && { registry }) });
  const names = models.list().map(({ name }) => name);
  const start = async () => {
    process.stdout.write(`The worker loads ${names.join(", ")}.\n`);
    if (await worker.start()) process.stdout.write("Ready: the worker takes images.\n");
  };
  await runServices({ start, services: [worker], tracing, graceMs: config.shutdownGraceS * 1000, logger });
  return 0;
}
