import { openKeys } from "../api/access/key-source.js";
import { describeAddress } from "../telemetry/listening.js";
import { openRegistry } from "../telemetry/process-metrics.js";
import { ApiService } from "./services/api-service.js";
import { openBoard } from "./services/open-board.js";
import { openRedisQueue } from "./services/open-parts.js";
import { openTracing } from "./services/open-tracing.js";
import { runServices } from "./services/run-services.js";
import { beginService } from "./services/service-command.js";

const USAGE = `marimba api: answers HTTP requests; workers make the pictures

  marimba api

Needs REDIS_URL and the models' manifests (MODELS_DIR, MODELS), and never opens a model. Everything is set by
environment variables, such as HOST and PORT.
`;

/** Runs `marimba api` until a signal ends it; returns the exit code. */
export async function runApi(argv: string[]): Promise<number> {
  const parts = await beginService(argv, USAGE);
  if (!parts) return 0;
  const { config, models, logger } = parts;
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
      `Marimba listens on ${describeAddress(address, config.host)} and leaves the pictures to its workers.\n`,
    );
  };
  await runServices({ start, services: [api], tracing, graceMs: config.shutdownGraceS * 1000, logger });
  return 0;
}
