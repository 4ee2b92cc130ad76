import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Preview } from "../../job.js";
import type { ImageHandler, JobSource, QueueHealth } from "../queue.js";
import { Tokens } from "../redis/leases.js";
import { readableQueues } from "../redis/replies.js";
import { Scripts } from "../redis/scripts.js";
import { type ResultBounds, sweepOften } from "../redis/sweeper.js";
import { connect } from "../redis-connection/connection.js";
import { Reachability } from "../redis-connection/redis-health.js";
import { checkRedis } from "../redis-connection/start-check.js";
import { RunAlone } from "./exclusive-lock.js";
import { TokenWorker } from "./lease-worker.js";
import { Lanes } from "./leased-image.js";
import { lookForNewerJobs } from "./newer-jobs.js";
import { WATCHED_MS } from "./preview-interest.js";
import { RunningImages } from "./running-images.js";
import { listenToControl, WorkerPresence } from "./worker-presence.js";

/** How often the progress of all running images is told. */
const PROGRESS_MS = 250;
/** What handing back and saying goodbye may take once the grace is over. */
const GOODBYE_MS = 2000;

export interface RedisSourceOptions extends ResultBounds {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  /** How long this worker may be silent before its images run elsewhere. */
  readonly lockMs: number;
}

/** Checks that Redis is fit for a queue and opens the worker's side of it; rejects with `QueueStartError`. */
export async function openRedisSource(options: RedisSourceOptions, logger: Logger): Promise<JobSource> {
  await checkRedis({ redisUrl: options.redisUrl, acceptDurable: false }, logger);
  const reachability = new Reachability(logger);
  const client = connect(options.redisUrl, { maxRetriesPerRequest: null });
  reachability.follow(client);
  return new RedisSource(options, client, reachability, logger);
}

class RedisSource implements JobSource {
  readonly #scripts: Scripts;
  readonly #tokens: Tokens;
  readonly #running = new RunningImages();
  readonly #alone = new RunAlone();
  readonly #worker = `worker-${randomUUID()}`;
  readonly #giveUp = new AbortController();
  #workers: TokenWorker[] = [];
  readonly #lanes: Lanes[] = [];
  #presence: WorkerPresence | undefined;
  #subscriber: Redis | undefined;
  #progressTimer: NodeJS.Timeout | undefined;
  #endSweeping = () => {};
  #endLooking = () => {};
  #isPaused = false;
  #stopped: Promise<void> | undefined;

  constructor(
    private readonly options: RedisSourceOptions,
    private readonly client: Redis,
    private readonly reachability: Reachability,
    private readonly logger: Logger,
  ) {
    this.#scripts = new Scripts(client, options.redisPrefix);
    this.#tokens = new Tokens(client, options.redisPrefix, logger);
  }

  async start(models: readonly string[], maxImages: number, handler: ImageHandler): Promise<void> {
    const { redisPrefix, lockMs } = this.options;
    const queues = models.flatMap(readableQueues);
    this.#subscriber = await listenToControl(
      this.client,
      redisPrefix,
      {
        ended: (id) => this.#running.abortJob(id),
        watched: (id) => this.#running.interest.watched(id),
        look: () => this.#presence?.lookNow(),
      },
      this.logger,
    );
    const onPaused = (isPaused: boolean) => this.#pause(isPaused);
    const presence = { worker: this.#worker, queues, lockMs, isPaused: () => this.#isPaused, onPaused };
    this.#presence = new WorkerPresence(this.#scripts, this.reachability, presence, this.logger);
    this.#workers = queues.map((queue) => this.#takeTokens(queue, maxImages, handler));
    await Promise.all(this.#workers.map((worker) => worker.ready()));
    await this.#presence.start();
    for (const worker of this.#workers) worker.run();
    this.#endSweeping = sweepOften(this.#scripts, this.#tokens, this.options, this.logger);
    this.#endLooking = lookForNewerJobs(this.client, redisPrefix, models, this.logger);
    this.#progressTimer = setInterval(() => void this.#tellProgress(), PROGRESS_MS);
  }

  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  health(): QueueHealth {
    return this.reachability.health;
  }

  async close(): Promise<void> {
    await this.stop(0);
    this.reachability.end();
    this.#subscriber?.disconnect();
    this.client.disconnect();
  }

  #takeTokens(queue: string, maxImages: number, handler: ImageHandler): TokenWorker {
    const parts = {
      scripts: this.#scripts,
      tokens: this.#tokens,
      running: this.#running,
      alone: this.#alone,
      handler,
      logger: this.logger,
    };
    const { resultTtlMs, maxResultBytes, redisPrefix, lockMs } = this.options;
    const sendPreview = (id: string, preview: Preview) => this.#sendPreview(id, preview);
    const lanesOptions = { worker: this.#worker, resultTtlMs, maxResultBytes, sendPreview };
    const lanes = new Lanes(queue, parts, lanesOptions, () => this.#isPaused, this.#giveUp.signal);
    this.#lanes.push(lanes);
    const options = { client: this.client, redisPrefix, concurrency: maxImages, lockMs };
    return new TokenWorker(queue, () => lanes.run(), options, this.logger);
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.logger.info(isPaused ? "An operator paused this worker." : "An operator let this worker go on.");
    for (const worker of this.#workers) isPaused ? worker.hold() : worker.release();
  }

  async #tellProgress(): Promise<void> {
    const progress = this.#running.takeProgress();
    if (progress.length === 0) return;
    try {
      const ended = (await this.#scripts.call("progress", ...progress)) as string[];
      // Their message may have been lost.
      for (const id of ended) this.#running.abortJob(id);
    } catch (error) {
      this.#running.tellAgain();
      this.logger.debug({ err: error }, "Progress could not be told; it will be again.");
    }
  }

  #sendPreview(id: string, { imageIndex, step, of, contentType, bytes }: Preview): void {
    this.#scripts
      .call("preview", id, imageIndex, step, of, contentType, Buffer.from(bytes), WATCHED_MS)
      .catch((error) => this.logger.debug({ err: error }, "A preview could not be sent."));
  }

  async #stop(graceMs: number): Promise<void> {
    for (const lanes of this.#lanes) lanes.stop();
    for (const worker of this.#workers) worker.hold();
    const retired = this.#presence?.retire().catch(() => {});
    await this.#running.untilNone(graceMs);
    const giveUp = setTimeout(() => this.#giveUp.abort(), GOODBYE_MS);
    this.#running.abortAll();
    await Promise.all([atMost(retired, GOODBYE_MS), this.#running.untilNone(GOODBYE_MS)]);
    this.#presence?.end();
    clearInterval(this.#progressTimer);
    const { resultTtlMs, maxResultBytes } = this.options;
    const left = this.#scripts.call("leave", this.#worker, resultTtlMs, maxResultBytes).catch(() => {});
    await atMost(left, GOODBYE_MS);
    this.#endSweeping();
    this.#endLooking();
    this.#giveUp.abort();
    clearTimeout(giveUp);
    // BullMQ would wait without end for a handler that does not heed its signal.
    const force = this.#running.size > 0;
    await atMost(Promise.allSettled(this.#workers.map((worker) => worker.close(force))), GOODBYE_MS);
    await atMost(Promise.all(this.#lanes.map((lanes) => lanes.returnTokens())), GOODBYE_MS);
    await atMost(this.#tokens.close(), GOODBYE_MS);
  }
}

/** Resolves when `end` settles, or after `timeoutMs`: nothing that waits for Redis may hold up a shutdown. */
async function atMost(end: Promise<unknown> | undefined, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([Promise.resolve(end).catch(() => {}), late]);
  clearTimeout(timer);
}
