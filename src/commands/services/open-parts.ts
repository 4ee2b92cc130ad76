import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { type Config, ConfigError, DEFAULT_MODELS_DIR } from "../../config.js";
import type { Engine } from "../../engine/engine.js";
import { openNullEngine } from "../../engine/null-engine.js";
import { type EngineOptions, openEngine } from "../../engine/threaded-engine.js";
import { PACKAGE_ROOT } from "../../files/package.js";
import type { Manifest } from "../../model/manifest.js";
import { loadRegistry, type ModelRegistry } from "../../model/registry.js";
import type { JobQueue, JobSource } from "../../queue/queue.js";
import type { Tracing } from "../../telemetry/tracing.js";

/**
 * Reads the manifests of MODELS, or of `model` alone. Where MODELS_DIR is left at its default, the models inside the
 * package (the demo) are there beside those of ./models. Rejects with `RegistryError`.
 */
export async function openModels(
  { modelsDir, models }: Config,
  model?: string,
  warn?: (sentence: string) => void,
): Promise<ModelRegistry> {
  const isDefault = modelsDir === resolve(DEFAULT_MODELS_DIR);
  const folders = isDefault ? [modelsDir, join(PACKAGE_ROOT, "models")] : [modelsDir];
  return loadRegistry([...new Set(folders)], model === undefined ? models : [model], warn);
}

type Handling = Pick<EngineOptions, "folder" | "maxBatch" | "maxWaiting" | "onTrouble" | "onLost" | "onWork">;

/** Opens the engine that the configuration names. Rejects with `EngineFailure` where it can't run the model. */
export async function openConfiguredEngine(config: Config, manifest: Manifest, handling: Handling): Promise<Engine> {
  if (config.engine === "null") return openNullEngine(manifest, handling.maxBatch);
  const { maxBatchDelayMs, threads, provider, cudaDevice } = config;
  return openEngine({ ...handling, manifest, maxBatchDelayMs, threads, provider, cudaDevice });
}

/** Rejects with `QueueStartError` when Redis can't be used. The adapter, and BullMQ with it, is loaded only here. */
export async function openRedisQueue(config: Config, command: string, logger: Logger): Promise<JobQueue> {
  const redis = await import("../../queue/redis/redis-queue.js");
  const { redisPrefix, maxQueuedImages, resultTtlS, maxResultBytes, maxCanvasBytes, acceptDurable } = config;
  const queue = await redis.openRedisQueue(
    {
      redisUrl: redisUrl(config, command),
      redisPrefix,
      maxQueuedImages,
      resultTtlMs: resultTtlS * 1000,
      maxResultBytes,
      maxCanvasBytes,
      acceptDurable,
    },
    logger,
  );
  logger.info("Connected to Redis, to queue jobs there.");
  return queue;
}

/** Rejects with `QueueStartError` when Redis can't be used. */
export async function openRedisSource(config: Config, command: string, logger: Logger): Promise<JobSource> {
  const redis = await import("../../queue/redis-worker/redis-source.js");
  const { redisPrefix, resultTtlS, maxResultBytes, lockMs } = config;
  const source = await redis.openRedisSource(
    { redisUrl: redisUrl(config, command), redisPrefix, resultTtlMs: resultTtlS * 1000, maxResultBytes, lockMs },
    logger,
  );
  logger.info("Connected to Redis, to take images from there.");
  return source;
}

/** Throws `ConfigError` where the command needs Redis and REDIS_URL is not set. */
export function redisUrl({ redisUrl }: Config, command: string): string {
  if (redisUrl !== undefined) return redisUrl;
  throw new ConfigError([
    `REDIS_URL is not set; marimba ${command} needs the Redis that holds the queue, such as redis://127.0.0.1:6379.`,
  ]);
}

/** OpenTelemetry is loaded only where a collector is named. Throws `ConfigError` for an address that is not HTTP. */
export async function openTracing(config: Config, command: string, logger: Logger): Promise<Tracing | undefined> {
  const { otelExporterOtlpEndpoint: endpoint, otelServiceName: serviceName } = config;
  if (endpoint === undefined) return undefined;
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw new ConfigError([
      `OTEL_EXPORTER_OTLP_ENDPOINT is ${JSON.stringify(endpoint)}; it must be an address such as http://127.0.0.1:4318.`,
    ]);
  }
  const { openTelemetry } = await import("../../telemetry/open-telemetry.js");
  const tracing = openTelemetry({ endpoint, serviceName, command }, logger);
  logger.info("Traces are sent to a collector.");
  return tracing;
}
