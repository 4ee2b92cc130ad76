import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Preview } from "../../job.js";
import type { ImageHandler, JobSource, QueueHealth } from "../queue.js";
import { ClockSkew } from "../redis/clock-skew.js";
import { WATCHED_MS } from "../redis/job-watch.js";
import { Leases } from "../redis/leases.js";
import { readableQueues } from "../redis/replies.js";
import { Scripts } from "../redis/scripts.js";
import { type ResultBounds, startSweeping } from "../redis/sweeper.js";
import type { RedisClient } from "../redis-connection/connection.js";
import { RedisHealth } from "../redis-connection/redis-health.js";
import { checkRedis, type RedisAccess } from "../redis-connection/start-check.js";
import { subscribe } from "../redis-connection/subscription.js";
import { waitUntil } from "../wait-until.js";
import { ExclusiveLock } from "./exclusive-lock.js";
import { LeaseWorker } from "./lease-worker.js";
import { LeasedImages } from "./leased-image.js";
import { RunningImages } from "./running-images.js";
import { lookForNewerJobs, WorkerPresence } from "./worker-presence.js";

/** How often the progress of all running images is reported. */
const PROGRESS_MS = 250;
/** What handing back and closing may take once the grace is over. */
const GOODBYE_MS = 2000;

export interface RedisSourceOptions extends ResultBounds {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  /** How long this worker may be silent before its images run elsewhere. */
  readonly lockMs: number;
}

/** Checks that Redis is fit for a queue and opens the worker's side of it; rejects with `QueueStartError`. */
export async function openRedisSource(options: RedisSourceOptions, logger: Logger): Promise<JobSource> {
  const redis = await checkRedis({ ...options, acceptDurable: false }, logger);
  const redisHealth = new RedisHealth(redis.redisPrefix, logger);
  const client = redis.connect({ maxRetriesPerRequest: null });
  redisHealth.follow(client);
  return new RedisSource({ ...options, redisPrefix: redis.redisPrefix }, redis, client, redisHealth, logger);
}

class RedisSource implements JobSource {
  readonly #scripts: Scripts;
  readonly #leases: Leases;
  readonly #skew: ClockSkew;
  readonly #running = new RunningImages();
  readonly #lock = new ExclusiveLock();
  readonly #worker = `worker-${randomUUID()}`;
  readonly #graceOver = new AbortController();
  readonly #giveUp = new AbortController();
  #workers: LeaseWorker[] = [];
  #presence: WorkerPresence | undefined;
  #subscriber: Redis | undefined;
  #progressTimer: NodeJS.Timeout | undefined;
  #stopSweeping = () => {};
  #stopLooking = () => {};
  #isPaused = false;
  #stopped: Promise<void> | undefined;

  constructor(
    private readonly options: RedisSourceOptions,
    private readonly redis: RedisAccess,
    private readonly client: RedisClient,
    private readonly redisHealth: RedisHealth,
    private readonly logger: Logger,
  ) {
    this.#scripts = new Scripts(client, options.redisPrefix);
    this.#leases = new Leases(client, options.redisPrefix, logger);
    this.#skew = new ClockSkew(this.#scripts, logger);
    // Each image that runs listens.
    setMaxListeners(0, this.#graceOver.signal);
  }

  start(models: readonly string[], maxImages: number, handler: ImageHandler): Promise<void> {
    return this.redis.starting(() => this.#start(models, maxImages, handler));
  }

  async #start(models: readonly string[], maxImages: number, handler: ImageHandler): Promise<void> {
    const { redisPrefix, lockMs } = this.options;
    const queues = models.flatMap(readableQueues);
    const on = { message: (message: string) => this.#hear(message) };
    this.#subscriber = await subscribe(this.redis, `${redisPrefix}::control`, on, this.logger);
    const onPaused = (isPaused: boolean) => this.#pause(isPaused);
    const skew = () => this.#skew.seconds;
    const presence = { worker: this.#worker, queues, lockMs, isPaused: () => this.#isPaused, onPaused, skew };
    this.#presence = new WorkerPresence(this.#scripts, this.redisHealth, presence, this.logger);
    this.#workers = queues.map((queue) => this.#openWorker(queue, maxImages, handler));
    await Promise.all(this.#workers.map((worker) => worker.ready()));
    await this.#skew.look();
    await this.#presence.start();
    for (const worker of this.#workers) worker.run();
    this.#stopSweeping = startSweeping(this.#scripts, this.#leases, this.options, this.logger);
    this.#stopLooking = lookForNewerJobs(this.client, redisPrefix, models, this.logger);
    this.#progressTimer = setInterval(() => void this.#reportProgress(), PROGRESS_MS);
  }

  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  health(): QueueHealth {
    return this.redisHealth.health;
  }

  async close(): Promise<void> {
    await this.stop(0);
    this.redisHealth.end();
    this.#skew.end();
    this.#subscriber?.disconnect();
    this.client.disconnect();
  }

  #openWorker(queue: string, maxImages: number, handler: ImageHandler): LeaseWorker {
    const { resultTtlMs, maxResultBytes, redisPrefix, lockMs } = this.options;
    const images = new LeasedImages(
      queue,
      {
        scripts: this.#scripts,
        readCanvas: (id) => this.client.getBuffer(`${redisPrefix}::canvas:${id}`),
        leases: this.#leases,
        running: this.#running,
        lock: this.#lock,
        handler,
        logger: this.logger,
      },
      { worker: this.#worker, resultTtlMs, maxResultBytes, sendPreview: (...preview) => this.#sendPreview(...preview) },
      () => this.#isPaused || this.#stopped !== undefined,
      this.#graceOver.signal,
      this.#giveUp.signal,
    );
    const options = { client: this.client, redisPrefix, name: this.#worker, concurrency: maxImages, lockMs };
    return new LeaseWorker(queue, (lease, token) => images.run(lease, token), options, this.logger);
  }

  /** Messages to workers: "ended ID", "watched ID", "look". */
  #hear(message: string): void {
    const [what, id = ""] = message.split(" ");
    if (what === "ended") this.#running.abortJob(id);
    else if (what === "watched") this.#running.interest.watched(id);
    else if (what === "look") this.#presence?.lookNow();
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.logger.info(isPaused ? "An operator paused this worker." : "An operator resumed this worker.");
    for (const worker of this.#workers) isPaused ? worker.hold() : worker.release();
  }

  async #reportProgress(): Promise<void> {
    const progress = this.#running.takeProgress();
    if (progress.length === 0) return;
    try {
      const ended = (await this.#scripts.call("progress", ...progress)) as string[];
      // Their message may have been lost.
      for (const id of ended) this.#running.abortJob(id);
    } catch (error) {
      this.#running.reportAgain();
      this.logger.debug({ err: error }, "Progress could not be reported; it will be again.");
    }
  }

  #sendPreview(id: string, { imageIndex, step, of, contentType, bytes }: Preview): void {
    this.#scripts
      .call("preview", id, imageIndex, step, of, contentType, Buffer.from(bytes), WATCHED_MS)
      .catch((error) => this.logger.debug({ err: error }, "A preview could not be sent."));
  }

  async #stop(graceMs: number): Promise<void> {
    for (const worker of this.#workers) worker.hold();
    const retired = this.#presence?.retire().catch(() => {});
    await this.#running.untilNone(graceMs);
    const giveUp = setTimeout(() => this.#giveUp.abort(), GOODBYE_MS);
    this.#running.abortAll();
    this.#graceOver.abort();
    if (retired) await waitUntil(retired, GOODBYE_MS);
    await this.#running.untilNone(GOODBYE_MS);
    this.#presence?.end();
    clearInterval(this.#progressTimer);
    this.#stopSweeping();
    this.#stopLooking();
    const closed = Promise.allSettled(this.#workers.map((worker) => worker.close(this.#running.size > 0)));
    await waitUntil(closed, GOODBYE_MS);
    this.#giveUp.abort();
    clearTimeout(giveUp);
    await waitUntil(this.#leases.close(), GOODBYE_MS);
  }
}
