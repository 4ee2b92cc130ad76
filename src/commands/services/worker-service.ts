import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Config } from "../../config.js";
import type { Engine, EngineLost, StepWork } from "../../engine/engine.js";
import { usableCores, usableMemory } from "../../engine/runtime/allowance.js";
import { kernelsTrouble } from "../../engine/runtime/kernels.js";
import type { Manifest } from "../../model/manifest.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { JobSource } from "../../queue/queue.js";
import type { HealthServer } from "../../telemetry/health-server.js";
import type { Tracing } from "../../telemetry/tracing.js";
import type { WorkerMetrics } from "../../worker/metrics.js";
import { startWorker } from "../../worker/worker.js";
import { openConfiguredEngine } from "./open-parts.js";
import type { Service } from "./run-services.js";

export interface WorkerServiceOptions {
  readonly config: Config;
  /** Closed with the service. */
  readonly source: JobSource;
  readonly models: ModelRegistry;
  readonly logger: Logger;
  /** Where the worker's metrics go; absent: nothing is measured. */
  readonly registry?: Registry;
  readonly tracing?: Tracing | undefined;
}

/** The engine holds half a batch more than its batch, so that an image that leaves is replaced at the next step. */
const TAKEN_PER_BATCH = 1.5;

/** The working half: opens the models' engines, then takes images. */
export class WorkerService implements Service {
  readonly #options: WorkerServiceOptions;
  readonly #engines = new Map<string, Engine>();
  #healthServer: HealthServer | undefined;
  #metrics: WorkerMetrics | undefined;
  #state: "loading" | "working" | "stopping" = "loading";
  #lost: EngineLost | undefined;
  #onLost = (_lost: EngineLost) => {};
  readonly broken = new Promise<Error>((resolve) => {
    this.#onLost = resolve;
  });
  #starting = Promise.resolve(false);

  constructor(options: WorkerServiceOptions) {
    this.#options = options;
  }

  /**
   * Resolves with true once every model is warm and images are taken, with false when a shutdown came before. Rejects
   * with `EngineFailure` or `ListenError`.
   */
  start(): Promise<boolean> {
    this.#starting = this.#start();
    return this.#starting;
  }

  /** Why no images are generated now; undefined while they are. */
  notReadyReason(): string | undefined {
    if (this.#lost) return this.#lost.message;
    if (this.#state === "loading") return "The models are being loaded.";
    if (this.#state === "stopping") return "The worker is shutting down.";
    const health = this.#options.source.health();
    return health.reachable ? undefined : health.reason;
  }

  /** Takes no more images; those it has are finished, or handed back when the grace period ends. */
  async shutDown(graceMs: number): Promise<void> {
    this.#state = "stopping";
    await this.#options.source.stop(graceMs);
  }

  /** Waits for a model that is still being loaded: ending a thread inside ONNX Runtime would crash the process. */
  async close(): Promise<void> {
    this.#state = "stopping";
    await this.#options.source.close();
    await this.#starting.catch(() => {});
    await Promise.all([...this.#engines.values()].map((engine) => engine.close(0)));
    await this.#healthServer?.close();
  }

  async #start(): Promise<boolean> {
    const { config, source, models, logger, registry, tracing } = this.#options;
    if (registry) await this.#openMetrics(registry);
    if (config.engine === "null") logger.warn("ENGINE is null: every image is a grey placeholder.");
    else this.#logAllowance();
    for (const manifest of models.list()) {
      await this.#openEngine(manifest, Math.ceil(config.maxBatch * TAKEN_PER_BATCH));
      if (this.#isStopping()) return false;
    }
    const maxBatch = Math.max(...[...this.#engines.values()].map((engine) => engine.stats().maxBatch));
    const maxImages = Math.ceil(maxBatch * TAKEN_PER_BATCH);
    const observer = this.#metrics;
    await startWorker({
      source,
      engines: this.#engines,
      models,
      maxImages,
      logger,
      tracing,
      ...(observer && { observer }),
    });
    if (this.#isStopping()) return false;
    this.#state = "working";
    return true;
  }

  #logAllowance(): void {
    const { config, logger } = this.#options;
    const { threads } = config;
    const cores = usableCores();
    const memoryMiB = Math.round(usableMemory() / 2 ** 20);
    logger.info(
      { threads, cores, memoryMiB },
      "Threads that the models use, and cores and memory that this process may use.",
    );
    if (threads > cores)
      logger.warn(
        `THREADS is ${threads}, more than the cores that this process may use (${cores}): images take longer.`,
      );
  }

  async #openEngine(manifest: Manifest, maxWaiting: number): Promise<void> {
    const { config, models, logger } = this.#options;
    const log = logger.child({ model: manifest.name });
    const metrics = this.#metrics;
    const onTrouble = (reason: string) => {
      log.error(`The engine stopped and will be restarted: ${reason}`);
      metrics?.restarted(manifest.name);
    };
    const onWork = metrics && ((work: StepWork) => metrics.stepped(manifest.name, work));
    const onLost = (lost: EngineLost) => this.#loseEngine(lost);
    if (config.provider === "cuda" && manifest.precision === "fp32")
      log.warn(
        "The model is float32, and NVIDIA's libraries round its products to TF32 unless NVIDIA_TF32_OVERRIDE is 0. In float16 it is " +
          "faster and takes half the memory: import it with --precision fp16.",
      );
    const trouble = config.provider === "cpu" && manifest.precision === "int8" && kernelsTrouble();
    if (trouble)
      log.warn(
        `Marimba's own operators for int8 can't be loaded: ${trouble}. ONNX Runtime's take longer, and on a CPU that could run ours, the ` +
          "bytes of images differ from those of workers that have them.",
      );
    const folder = models.folderOf(manifest.name);
    const handling = { folder, maxBatch: config.maxBatch, maxWaiting, onTrouble, onLost, ...(onWork && { onWork }) };
    log.info("Loading the model, and trying it with one image and with the largest batch.");
    const engine = await openConfiguredEngine(config, manifest, handling);
    this.#engines.set(manifest.name, engine);
    metrics?.loaded(manifest);
    const { maxBatch } = engine.stats();
    if (maxBatch < config.maxBatch)
      log.warn(
        `MAX_BATCH is ${config.maxBatch}, but memory holds only ${maxBatch} images at once: the batch is limited to that.`,
      );
    log.info("The model is loaded and warm.");
  }

  /** A worker that has lost an engine is of no use: it stops taking images, hands back what it has, and exits. */
  #loseEngine(lost: EngineLost): void {
    this.#lost ??= lost;
    void this.shutDown(this.#options.config.shutdownGraceS * 1000);
    this.#onLost(lost);
  }

  /** Before the models, so that health checks are answered while they are loading. */
  async #openMetrics(registry: Registry): Promise<void> {
    const { WorkerMetrics } = await import("../../worker/metrics.js");
    this.#metrics = new WorkerMetrics(registry, this.#engines);
    const { host, workerPort: port, threads } = this.#options.config;
    if (port === undefined) return;
    const { openHealthServer } = await import("../../telemetry/health-server.js");
    const notReadyReason = () => this.notReadyReason();
    const options = { host, port, variable: "WORKER_PORT", registry, notReadyReason, threads } as const;
    this.#healthServer = await openHealthServer(options);
    process.stdout.write(`This worker's health and metrics are on ${this.#healthServer.address}.\n`);
  }

  /** A method, since the state may change during any await. */
  #isStopping(): boolean {
    return this.#state === "stopping";
  }
}
