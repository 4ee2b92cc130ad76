import { parseArgs } from "node:util";
import { loadConfig } from "../config.js";
import { openLogger } from "../logging.js";
import { loadRegistry } from "../model/registry.js";
import { ApiService } from "./api-service.js";
import { openRedisQueue } from "./open-queue.js";
import { runServices } from "./run-services.js";

const USAGE = `marimba api: answers HTTP requests; workers make the pictures

  marimba api

Needs REDIS_URL and the models' manifests (MODELS_DIR, MODELS), and never opens a model. Everything is set by
environment variables, such as HOST and PORT.
`;

/** Runs `marimba api` until a signal ends it; returns the exit code. */
export async function runApi(argv: string[]): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { help: { type: "boolean" } } });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const config = loadConfig();
  const logger = openLogger(config.logLevel);
  const models = await loadRegistry(config.modelsDir, config.models, (sentence) => logger.warn(sentence));
  const queue = await openRedisQueue(config, "api", logger);
  const api = new ApiService({ config, queue, models, logger });
  const start = async () => {
    const address = await api.start();
    process.stdout.write(`Marimba listens on ${address} and leaves the pictures to its workers.\n`);
  };
  await runServices({ start, services: [api], graceMs: config.shutdownGraceS * 1000, logger });
  return 0;
}
