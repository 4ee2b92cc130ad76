import type { Logger } from "pino";
import { openKeys } from "../api/access/key-source.js";
import type { Config } from "../config.js";
import { findClass } from "../model/find-class.js";
import type { Manifest } from "../model/manifest.js";
import { LocalQueue } from "../queue/local/local-queue.js";
import type { JobQueue, JobSource } from "../queue/queue.js";
import { describeAddress } from "../telemetry/listening.js";
import { openRegistry } from "../telemetry/process-metrics.js";
import { ApiService } from "./services/api-service.js";
import { openBoard } from "./services/open-board.js";
import { openRedisQueue, openRedisSource, openTracing } from "./services/open-parts.js";
import { beginService, runServices } from "./services/run-services.js";
import { WorkerService } from "./services/worker-service.js";

export const usage = `marimba serve: runs the API and a worker in one process

  marimba serve

Environment variables, such as HOST, PORT, MODELS_DIR and MODELS, configure it; all of them have defaults. Jobs wait in
this process's memory, or in Redis when REDIS_URL is set.
`;

/** Runs `marimba serve` until a signal ends it; returns the exit code. */
export async function run(argv: string[]): Promise<number> {
  const { config, models, logger } = await beginService(argv);
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
    threads: config.threads,
  });
  const names = models.list().map(({ name }) => name);
  const start = async () => {
    const address = await api.start();
    process.stdout.write(
      `Marimba listens on ${describeAddress(address, config.host)} and loads ${names.join(", ")}.\n`,
    );
    if (!(await worker.start())) return;
    process.stdout.write(
      `Ready. A first image:\n\n  ${curlLine(address, models.get(models.default)!, keySource.keys !== undefined)}\n\n`,
    );
  };
  // The worker closes first, so that the API can still answer for the images that it ends or hands back.
  await runServices({ start, services: [worker, api], tracing, graceMs: config.shutdownGraceS * 1000, logger });
  return 0;
}

async function openBothSides(config: Config, logger: Logger): Promise<{ queue: JobQueue; source: JobSource }> {
  if (config.redisUrl === undefined) {
    const { maxQueuedImages, resultTtlS, maxResultBytes, maxCanvasBytes } = config;
    const local = new LocalQueue({ maxQueuedImages, resultTtlMs: resultTtlS * 1000, maxResultBytes, maxCanvasBytes });
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

/**
 * A command for any shell that saves an image of the model's first class, and writes no file when it fails. The key comes
 * from a variable.
 */
export function curlLine(address: string, manifest: Manifest, needsKey = false): string {
  const { name, index } = manifest.classes[0]!;
  const isUnique = findClass(manifest, name).kind === "found";
  const words = name.toLowerCase().match(/[a-z0-9]+/g);
  const file = words?.join("-").slice(0, 40) ?? "image";
  const body = JSON.stringify({ class: isUnique ? name : index }).replaceAll("'", "\\u0027");
  const key = needsKey ? '-H "Authorization: Bearer $MARIMBA_API_KEY" ' : "";
  const headers = "-H 'Accept: image/png' -H 'Content-Type: application/json'";
  return `curl -fsS -o ${file}.png ${key}${headers} -d '${body}' ${address}/generate`;
}
