import pino from "pino";
import { Registry } from "prom-client";
import { buildApp, listen } from "../../src/api/app.js";
import type { ApiDeps } from "../../src/api/deps.js";
import { DEFAULT_LIMITS, type HttpLimits } from "../../src/api/http/limits.js";
import { loadConfig } from "../../src/config.js";
import type { StoredImage } from "../../src/job.js";
import type { ModelRegistry } from "../../src/model/registry.js";
import { LocalQueue } from "../../src/queue/local/local-queue.js";
import type { ImageContext, ImageHandler, ImageTask } from "../../src/queue/queue.js";
import { exampleManifest } from "../model/example-manifest.js";
import { exampleImageOf } from "../queue/example-job.js";

/** An image that the test's worker holds; it ends when the test says so. */
export interface HeldImage extends ImageTask {
  readonly context: ImageContext;
  complete(image?: StoredImage): void;
  fail(error: unknown): void;
}

export interface ExampleApiOptions {
  readonly environment?: Record<string, string>;
  readonly limits?: Partial<HttpLimits>;
  /** What the worker does; by default it completes each image at once. */
  readonly handler?: ImageHandler;
  readonly deps?: Partial<ApiDeps>;
  readonly maxImages?: number;
}

export const completeAtOnce: ImageHandler = async (task) => exampleImageOf(task);

export function exampleModels(): ModelRegistry {
  const manifests = [
    { ...exampleManifest(), default_preset: "fast" },
    { ...exampleManifest("other"), classes: manyClasses(), presets: {} },
  ];
  return {
    default: "demo",
    list: () => manifests,
    get: (name) => manifests.find((manifest) => manifest.name === name),
    folderOf: (name) => `models/${name}`,
  };
}

function manyClasses() {
  return Array.from({ length: 1500 }, (_, index) => ({ index, name: `thing ${index}` }));
}

/** The whole HTTP side over the real local queue; only the worker's engine is the test's. */
export async function exampleApi(options: ExampleApiOptions = {}) {
  const config = loadConfig({ PORT: "0", LOG_LEVEL: "silent", ...options.environment });
  const queue = new LocalQueue({
    maxQueuedImages: config.maxQueuedImages,
    resultTtlMs: config.resultTtlS * 1000,
    maxResultBytes: config.maxResultBytes,
    maxCanvasBytes: config.maxCanvasBytes,
  });
  await queue.start(["demo", "other"], options.maxImages ?? 16, options.handler ?? completeAtOnce);
  const deps: ApiDeps = {
    config,
    queue,
    models: exampleModels(),
    readiness: () => ({ ready: true }),
    logger: pino({ level: config.logLevel }, { write: () => {} }),
    registry: new Registry(),
    ...options.deps,
  };
  const app = await buildApp(deps, { ...DEFAULT_LIMITS, ...options.limits });
  const close = async () => {
    await queue.close();
    const closed = app.close();
    // In place of one that it aborted, fetch opens a connection whose first request the server would wait for.
    app.server.closeAllConnections();
    await closed;
  };
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    app.inject({ method: "POST", url: "/generate", headers, payload: body as object });
  return { app, queue, post, close, listen: () => listen(app, config.host, config.port) };
}

/** A worker whose images wait for the test. */
export function holdingHandler() {
  const held: HeldImage[] = [];
  const handler: ImageHandler = (task, context) =>
    new Promise((resolve, reject) => {
      const complete = (image = exampleImageOf(task)) => resolve(image);
      held.push({ ...task, context, complete, fail: reject });
    });
  return { held, handler };
}
