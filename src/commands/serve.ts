import { parseArgs } from "node:util";
import type { Logger } from "pino";
import { type Api, buildApp, type Readiness } from "../api/app.js";
import { listen } from "../api/server.js";
import { type Config, ConfigError, loadConfig } from "../config.js";
import { openLogger } from "../logging.js";
import { findClass } from "../model/classes.js";
import type { Engine } from "../model/engine/engine.js";
import type { Manifest } from "../model/manifest.js";
import { loadRegistry, type ModelRegistry } from "../model/registry.js";
import { LocalQueue } from "../queue/local/local-queue.js";
import { startWorker } from "../worker/worker.js";
import { openConfiguredEngine } from "./open-engine.js";
import { shutdownAsked, shutdownSignal } from "./shutdown.js";

const USAGE = `marimba serve: API and worker in one process

  marimba serve

Everything is set by environment variables, such as HOST, PORT, MODELS_DIR and MODELS; all of them have defaults.
`;

/** The engine's waiting room holds half a batch more than its batch, so that who leaves is replaced at the next step. */
const TAKEN_PER_BATCH = 1.5;
/** What connections get to send their last answers, after the last job has ended. */
const ANSWER_MS = 2000;
/** What engines get to leave their runs after an error that nobody caught. */
const UNCAUGHT_MS = 5000;

/** Runs `marimba serve` until a signal ends it; returns the exit code. */
export async function runServe(argv: string[]): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { help: { type: "boolean" } } });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const config = loadConfig();
  if (config.redisUrl !== undefined) {
    throw new ConfigError(["REDIS_URL is set, but this version has no Redis queue yet; unset it to queue in memory."]);
  }
  const logger = openLogger(config.logLevel);
  const models = await loadRegistry(config.modelsDir, config.models, (sentence) => logger.warn(sentence));
  await new Service(config, models, logger).run();
  return 0;
}

/** One process that serves: its parts, in the order they start and the other way round. */
class Service {
  readonly #queue: LocalQueue;
  readonly #engines = new Map<string, Engine>();
  #readiness: Readiness = { ready: false, reason: "The models are being loaded." };
  #loading = Promise.resolve();

  constructor(
    private readonly config: Config,
    private readonly models: ModelRegistry,
    private readonly logger: Logger,
  ) {
    const { maxQueuedImages, resultTtlS, maxResultBytes } = config;
    this.#queue = new LocalQueue({ maxQueuedImages, resultTtlMs: resultTtlS * 1000, maxResultBytes });
  }

  /** Resolves once a signal has stopped it. */
  async run(): Promise<void> {
    const { config, models, logger } = this;
    process.on("uncaughtException", (error, origin) => this.#exitAfter(error, origin));
    const stopped = shutdownSignal((signal) => logger.warn(`A second ${signal}: exiting at once.`));
    const app = await buildApp({ config, queue: this.#queue, models, readiness: () => this.#readiness, logger });
    try {
      if (shutdownAsked()) return;
      const address = await listen(app, config.host, config.port);
      process.stdout.write(`Marimba listens on ${address} and loads ${listed(models.list())}.\n`);
      this.#loading = this.#startWorking(address);
      await this.#shutDown(await Promise.race([this.#loading.then(() => stopped), stopped]));
    } finally {
      await this.#close(app);
    }
  }

  async #startWorking(address: string): Promise<void> {
    const { config, models, logger } = this;
    if (config.engine === "null") logger.warn("ENGINE is null: every picture is the same grey one.");
    const maxImages = Math.ceil(config.maxBatch * TAKEN_PER_BATCH);
    for (const manifest of models.list()) {
      const size = { maxBatch: config.maxBatch, maxWaiting: maxImages + config.maxImagesPerJob };
      const onTrouble = (reason: string) =>
        logger.error({ model: manifest.name }, `The engine starts again: ${reason}`);
      this.#engines.set(manifest.name, await openConfiguredEngine(config, manifest, { ...size, onTrouble }));
      if (this.#readiness.shuttingDown) return;
      logger.info({ model: manifest.name }, "The model is loaded and warm.");
    }
    await startWorker({ source: this.#queue, engines: this.#engines, models, maxImages, logger });
    this.#readiness = { ready: true };
    process.stdout.write(`Ready. A first picture:\n\n  ${curlLine(address, models.get(models.default)!)}\n\n`);
  }

  /** New work is refused from here on; what was accepted may finish within the grace. */
  async #shutDown(signal: NodeJS.Signals): Promise<void> {
    const graceMs = this.config.shutdownGraceS * 1000;
    this.#refuseWork();
    const { waitingImages, runningImages } = await this.#queue.stats();
    this.logger.info({ waitingImages, runningImages, graceMs }, `${signal}: shutting down.`);
    await this.#queue.stop(graceMs);
  }

  async #close(app: Api): Promise<void> {
    await this.#queue.close();
    const cut = setTimeout(() => app.server.closeAllConnections(), ANSWER_MS);
    await app.close();
    clearTimeout(cut);
    await this.#closeEngines();
    this.logger.info("Everything is closed.");
  }

  /** A model that is still being loaded is waited for: a thread inside ONNX Runtime can't be ended without a crash. */
  async #closeEngines(): Promise<void> {
    await this.#loading.catch(() => {});
    await Promise.all([...this.#engines.values()].map((engine) => engine.close(0)));
  }

  #refuseWork(): void {
    this.#readiness = { ready: false, shuttingDown: true, reason: "The server is shutting down." };
  }

  /** A state that nobody foresaw is no state to go on in: whoever supervises the process starts it afresh. */
  #exitAfter(error: Error, origin: string): void {
    this.logger.fatal({ err: error, origin }, "An error that nobody caught; exiting.");
    this.#refuseWork();
    const exit = () => process.exit(1);
    setTimeout(exit, UNCAUGHT_MS);
    void this.#closeEngines().then(exit, exit);
  }
}

function listed(manifests: readonly Manifest[]): string {
  return manifests.map(({ name }) => name).join(", ");
}

/** A command for any shell that saves a picture of the model's first class, and no error in its place. */
export function curlLine(address: string, manifest: Manifest): string {
  const { name, index } = manifest.classes[0]!;
  const isUnique = findClass(manifest, name).kind === "found";
  const file =
    name
      .toLowerCase()
      .match(/[a-z0-9]+/g)
      ?.join("-")
      .slice(0, 40) ?? "picture";
  const body = JSON.stringify({ class: isUnique ? name : index }).replaceAll("'", "\\u0027");
  const headers = "-H 'Accept: image/png' -H 'Content-Type: application/json'";
  return `curl -fsS -o ${file}.png ${headers} -d '${body}' ${address}/generate`;
}
