import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { KeySource } from "../../api/access/key-source.js";
import { buildApp } from "../../api/app.js";
import type { Api, Readiness } from "../../api/deps.js";
import { listen } from "../../api/server.js";
import type { Config } from "../../config.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { JobQueue } from "../../queue/queue.js";
import { type Monitor, openMonitor } from "../../telemetry/health-server.js";
import type { Tracing } from "../../telemetry/tracing.js";
import type { Deliverer } from "../../webhooks/deliverer.js";
import type { QueueBoard } from "./open-board.js";
import type { Service } from "./run-services.js";
import { openWebhooks } from "./webhooks.js";

export interface ApiServiceOptions {
  readonly config: Config;
  /** Closed with the service. */
  readonly queue: JobQueue;
  readonly models: ModelRegistry;
  readonly logger: Logger;
  readonly registry: Registry;
  /** Closed with the service. */
  readonly board?: QueueBoard | undefined;
  readonly tracing?: Tracing | undefined;
  /** Closed with the service. */
  readonly keySource: KeySource;
  /** Why requests can't be served now, where that hangs on another part of the process. */
  readonly notReady?: () => string | undefined;
}

/** What connections get to send their last answers. */
const ANSWER_MS = 2000;

/** The HTTP half: it knows manifests and the queue, and neither models nor engines. */
export class ApiService implements Service {
  readonly #options: ApiServiceOptions;
  #app: Api | undefined;
  #deliverer: Deliverer | undefined;
  #monitor: Monitor | undefined;
  #isShuttingDown = false;
  #openRequests = 0;
  #onAnswered = () => {};

  constructor(options: ApiServiceOptions) {
    this.#options = options;
  }

  /** Resolves with the address that it listens on. */
  async start(): Promise<string> {
    const { config, queue, models, logger, registry, tracing, board, keySource } = this.#options;
    const readiness = () => this.#readiness();
    const { keys } = keySource;
    const webhooks = openWebhooks({ config, queue: queue.webhooks, models, keys, logger });
    await this.#openMonitor(config.host, config.metricsPort);
    const app = await buildApp({
      config,
      queue,
      models,
      readiness,
      logger,
      registry,
      tracing,
      boardQueues: board?.queues,
      keys,
      webhooks: webhooks.acceptance,
    });
    this.#app = app;
    this.#deliverer = webhooks.deliverer;
    this.#deliverer.start();
    app.server.on("request", (_request, response) => {
      this.#openRequests++;
      response.once("close", () => {
        if (--this.#openRequests === 0) this.#onAnswered();
      });
    });
    return listen(app, config.host, config.port);
  }

  /** `/metrics` where the public does not come by. */
  async #openMonitor(host: string, port: number | undefined): Promise<void> {
    if (port === undefined) return;
    const { registry } = this.#options;
    const notReady = () => this.#readiness().reason;
    this.#monitor = await openMonitor({ host, port, variable: "METRICS_PORT", registry, notReady });
    process.stdout.write(`This API's health and metrics are on ${this.#monitor.address}.\n`);
  }

  /** New jobs are refused; those who wait for one may do so until the grace ends. States can still be asked for. */
  async shutDown(graceMs: number): Promise<void> {
    this.#isShuttingDown = true;
    if (this.#openRequests === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onAnswered = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Who still waits is told where to look for the job. */
  async close(): Promise<void> {
    this.#isShuttingDown = true;
    const app = this.#app;
    if (app) {
      const cut = setTimeout(() => app.server.closeAllConnections(), ANSWER_MS);
      await app.close();
      clearTimeout(cut);
    }
    await this.#deliverer?.stop();
    this.#options.keySource.close();
    await this.#options.board?.close();
    await this.#options.queue.close();
    await this.#monitor?.close();
  }

  #readiness(): Readiness {
    if (this.#isShuttingDown) return { ready: false, shuttingDown: true, reason: "The server is shutting down." };
    const reason = this.#options.notReady?.();
    return reason === undefined ? { ready: true } : { ready: false, reason };
  }
}
