import { openKeys } from "../api/access/key-source.js";
import { describeAddress } from "../telemetry/listening.js";
import { openRegistry } from "../telemetry/process-metrics.js";
import { ApiService } from "./services/api-service.js";
import { openBoard } from "./services/open-board.js";
import { openRedisQueue, openTracing } from "./services/open-parts.js";
import { beginService, runServices } from "./services/run-services.js";

export const usage = `marimba api: runs the API alone; workers generate the images

  marimba api

Needs REDIS_URL and the models' manifests (MODELS_DIR, MODELS); it never loads a model's weights. Environment variables,
such as HOST and PORT, configure it.
`;

/** Runs `marimba api` until a signal ends it; returns the exit code. */
export async function run(argv: string[]): Promise<number> {
  const { config, models, logger } = await beginService(argv);
  const tracing = await openTracing(config, "api", logger);
  const keySource = await openKeys(config, logger);
  const queue = await openRedisQueue(config, "api", logger);
  const board = await openBoard(config, models, logger);
  const api = new ApiService({
    config,
    queue,
    models,
    logger,
    registry: openRegistry("api"),
    keySource,
    tracing,
    board,
  });
  const start = async () => {
    const address = await api.start();
    process.stdout.write(
      `Marimba listens on ${describeAddress(address, config.host)} and leaves the images to its workers.\n`,
    );
  };
  await runServices({ start, services: [api], tracing, graceMs: config.shutdownGraceS * 1000, logger });
  return 0;
}
