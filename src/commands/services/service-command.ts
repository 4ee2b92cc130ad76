import { parseArgs } from "node:util";
import type { Logger } from "pino";
import { type Config, loadConfig } from "../../config.js";
import { loadRegistry, type ModelRegistry } from "../../model/registry.js";
import { openLogger } from "../../telemetry/logging.js";

/** What every command that serves is put together from. */
export interface ServiceParts {
  readonly config: Config;
  readonly models: ModelRegistry;
  readonly logger: Logger;
}

/** Begins a command that takes no arguments and is set by environment variables. Undefined: help was asked for, and printed. */
export async function beginService(argv: string[], usage: string): Promise<ServiceParts | undefined> {
  const { values } = parseArgs({ args: argv, options: { help: { type: "boolean" } } });
  if (values.help) {
    process.stdout.write(usage);
    return undefined;
  }
  const config = loadConfig();
  const logger = openLogger(config.logLevel);
  const models = await loadRegistry(config.modelsDir, config.models, (sentence) => logger.warn(sentence));
  return { config, models, logger };
}
