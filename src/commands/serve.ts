import type { Logger } from "pino";
import { openKeys } from "../api/access/key-source.js";
import type { Config } from "../config.js";
import { LocalQueue } from "../queue/local/local-queue.js";
import type { JobQueue, JobSource } from "../queue/queue.js";
import { describeAddress } from "../telemetry/listening.js";
import { openRegistry } from "../telemetry/process-metrics.js";
import { curlLine } from "./first-picture.js";
import { ApiService } from "./services/api-service.js";
import { openBoard } from "./services/open-board.js";
import { openRedisQueue, openRedisSource } from "./services/open-parts.js";
import { openTracing } from "./services/open-tracing.js";
import { runServices } from "./services/run-services.js";
import { beginService } from "./services/service-command.js";
import { WorkerService } from "./services/worker-service.js";

const USAGE = `marimba serve: API and worker in one process

  marimba serve

Everything is set by environment variables, such as HOST, PORT, MODELS_DIR and MODELS; all of them have defaults. Jobs
wait in this process's memory, or in Redis where REDIS_URL names one.
`;

/** Runs `marimba serve` until a signal ends it; returns the exit code. */
export async function runServe(argv: string[]): Promise<number> {
  const parts = await beginService(argv, USAGE);
  if (!parts) return 0;
  const { config, models, logger } = parts;
  const tracing = await openTracing(config, "serve", logger);
  const keySource = await openKeys(config, logger);
  const { queue, source } = await openBothSides(config, logger);
  const registry = openRegistry("serve");
  const worker = new WorkerService({ config, source, models, logger, registry, tracing });
  const board = await openBoard(config, models, logger);
  const api = new ApiService({
    config,
    queue,
    models,
    logger,
    registry,
    tracing,
    board,
    keySource,
    notReadyReason: () => worker.notReadyReason(),
  });
  const names = models.list().map(({ name }) => name);
  const start = async () => {
    const address = await api.start();
    process.stdout.write(
      `Marimba listens on ${describeAddress(address, config.host)} and loads ${names.join(", ")}.\n`,
    );
    if (!(await worker.start())) return;
    process.stdout.write(
      `Ready. A first picture:\n\n  ${curlLine(address, models.get(models.default)!, keySource.keys !== undefined)}\n\n`,
    );
  };
  // The worker first: what it ends or hands back is still answered.
  await runServices({ start, services: [worker, api], tracing, graceMs: config.shutdownGraceS * 1000, logger });
  return 0;
}

async function openBothSides(config: Config, logger: Logger): Promise<{ queue: JobQueue; source: JobSource }> {
  if (config.redisUrl === undefined) {
    const { maxQueuedImages, resultTtlS, maxResultBytes } = config;
    const local = new LocalQueue({ maxQueuedImages, resultTtlMs: resultTtlS * 1000, maxResultBytes });
    return { queue: local, source: local };
  }
  const queue = await openRedisQueue(config, "serve", logger);
  try {
    return { queue, source: await openRedisSource(config, "serve", logger) };
  } catch (error) {
    await queue.close();
    throw error;
  }
}
