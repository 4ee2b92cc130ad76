import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Caller } from "../../api/access/caller.js";
import type { KeyRing } from "../../api/access/key-ring.js";
import type { KeySource } from "../../api/access/key-source.js";
import { buildApp, listen } from "../../api/app.js";
import type { Api, ApiDeps, Readiness } from "../../api/deps.js";
import { jobResource } from "../../api/resources/job-resource.js";
import type { Config } from "../../config.js";
import { VERSION } from "../../files/package.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { JobQueue } from "../../queue/queue.js";
import { waitUntil } from "../../queue/wait-until.js";
import { type HealthServer, openHealthServer } from "../../telemetry/health-server.js";
import type { Tracing } from "../../telemetry/tracing.js";
import { Deliverer } from "../../webhooks/deliverer.js";
import { readTarget, type TargetPolicy, TargetRefused } from "../../webhooks/target.js";
import type { QueueBoard } from "./open-board.js";
import type { Service } from "./run-services.js";

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
  /** Why requests can't be served now, where another part of the process decides that. */
  readonly notReadyReason?: () => string | undefined;
  /** Threads of one ONNX operator, if this process runs models. */
  readonly threads?: number;
}

/** How long connections may take to send their last answers. */
const ANSWER_MS = 2000;

/** The HTTP half: it knows manifests and the queue, but no weights and no engines. */
export class ApiService implements Service {
  readonly #options: ApiServiceOptions;
  #app: Api | undefined;
  #deliverer: Deliverer | undefined;
  #healthServer: HealthServer | undefined;
  #isShuttingDown = false;
  #openRequests = 0;
  #onAnswered = () => {};

  constructor(options: ApiServiceOptions) {
    this.#options = options;
  }

  /** Resolves with the address it listens on. */
  async start(): Promise<string> {
    const { config, queue, models, logger, registry, tracing, board, keySource } = this.#options;
    const readiness = () => this.#readiness();
    const { keys } = keySource;
    const policy = { allowPrivate: config.webhookAllowPrivate, allowHosts: config.webhookAllowHosts };
    // Without keys all callers share one secret; with keys, a withdrawn key takes its secret with it.
    const secretsOf = (caller: string) => (keys ? keys.webhookSecretsOf(caller) : config.webhookSecret);
    await this.#openHealthServer(config.host, config.metricsPort);
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
      webhooks: webhookAcceptance(keys, secretsOf, policy),
    });
    this.#app = app;
    this.#deliverer = new Deliverer({
      queue: queue.webhooks,
      policy,
      secretsOf,
      maxAttempts: config.webhookAttempts,
      firstDelayMs: config.webhookRetryMs,
      describe: (record) => jobResource(record, { config, models }),
      userAgent: `Marimba/${VERSION}`,
      logger,
    });
    this.#deliverer.start();
    app.server.on("request", (_request, response) => {
      this.#openRequests++;
      response.once("close", () => {
        if (--this.#openRequests === 0) this.#onAnswered();
      });
    });
    return listen(app, config.host, config.port);
  }

  /** `/metrics` on a port of its own, apart from the public API. */
  async #openHealthServer(host: string, port: number | undefined): Promise<void> {
    if (port === undefined) return;
    const { registry, threads } = this.#options;
    const notReadyReason = () => this.#readiness().reason;
    const options = { host, port, variable: "METRICS_PORT", registry, notReadyReason, threads } as const;
    this.#healthServer = await openHealthServer(options);
    process.stdout.write(`This API's health and metrics are on ${this.#healthServer.address}.\n`);
  }

  /** New jobs are refused; open requests may finish until the grace period ends. Job states are still answered. */
  async shutDown(graceMs: number): Promise<void> {
    this.#isShuttingDown = true;
    if (this.#openRequests === 0) return;
    const answered = new Promise<void>((resolve) => {
      this.#onAnswered = resolve;
    });
    await waitUntil(answered, graceMs);
  }

  /** Requests that still wait are answered with the address of their job. */
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
    await this.#healthServer?.close();
  }

  #readiness(): Readiness {
    if (this.#isShuttingDown) return { ready: false, shuttingDown: true, reason: "The server is shutting down." };
    const reason = this.#options.notReadyReason?.();
    return reason === undefined ? { ready: true, threads: this.#options.threads } : { ready: false, reason };
  }
}

/** Why a job with this webhook can't be accepted, if it can't. */
function webhookAcceptance(
  keys: KeyRing | undefined,
  secretsOf: (caller: string) => string | undefined,
  policy: TargetPolicy,
): NonNullable<ApiDeps["webhooks"]> {
  const missing = keys
    ? "this API key has none (webhook_secret in the key file)"
    : "this server has none (WEBHOOK_SECRET)";
  return {
    refusal: (url: string, { id }: Caller) =>
      secretsOf(id) === undefined ? `needs a secret to sign with: ${missing}` : targetRefusal(url, policy),
  };
}

function targetRefusal(url: string, policy: TargetPolicy): string | undefined {
  try {
    readTarget(url, policy);
    return undefined;
  } catch (error) {
    if (error instanceof TargetRefused) return error.message;
    throw error;
  }
}
