import { type Job, Worker } from "bullmq";
import type { Logger } from "pino";
import type { RedisClient } from "../redis-connection/connection.js";
import { isPassing } from "../redis-connection/retry.js";

/** How long no lease is fetched after Redis has refused: BullMQ would ask again at once, thousands of times a second. */
const FIRST_REST_MS = 100;
const LONGEST_REST_MS = 2000;
/** Failed leases that the board shows. */
const KEPT_FAILED = 1000;

export interface LeaseWorkerOptions {
  readonly client: RedisClient;
  readonly redisPrefix: string;
  /** The worker's name in Redis, for the board. */
  readonly name: string;
  /** Leases that are held at a time. */
  readonly concurrency: number;
  readonly lockMs: number;
}

/** BullMQ's worker on one queue: it fetches leases unless it is held or Redis refuses. */
export class LeaseWorker {
  readonly #worker: Worker;
  #isHeld = false;
  #rest: NodeJS.Timeout | undefined;
  #restMs = FIRST_REST_MS;

  constructor(
    private readonly queue: string,
    run: (lease: Job, token: string) => Promise<string>,
    { client, redisPrefix, name, concurrency, lockMs }: LeaseWorkerOptions,
    private readonly logger: Logger,
  ) {
    this.#worker = new Worker(queue, (lease, token) => run(lease, token!), {
      connection: client,
      prefix: redisPrefix,
      name,
      autorun: false,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: Math.ceil(lockMs / 6),
      // BullMQ never resets a lease's stall count, and counts outages of Redis; MAX_TRIES is the limit instead.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      runRetryDelay: 1000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: KEPT_FAILED },
    });
    this.#worker.on("active", () => {
      this.#restMs = FIRST_REST_MS;
    });
    this.#worker.on("error", (error) => {
      this.logger.debug({ err: error, queue }, "BullMQ's worker reported an error.");
      if (isPassing(error)) this.#takeRest();
    });
  }

  async ready(): Promise<void> {
    await this.#worker.waitUntilReady();
  }

  /** Fetches leases from here on. */
  run(): void {
    this.#worker.run().catch((error) => this.logger.error({ err: error, queue: this.queue }, "BullMQ's worker ended."));
  }

  /** Fetches no lease until `release`; the runs of those held go on. */
  hold(): void {
    this.#isHeld = true;
    this.#apply();
  }

  release(): void {
    this.#isHeld = false;
    this.#apply();
  }

  /** Waits for the leases that are held, unless `force`. */
  async close(force: boolean): Promise<void> {
    this.#isHeld = true;
    clearTimeout(this.#rest);
    await this.#worker.close(force);
  }

  #takeRest(): void {
    if (this.#rest) return;
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      this.#apply();
    }, this.#restMs);
    this.#restMs = Math.min(2 * this.#restMs, LONGEST_REST_MS);
    this.#apply();
  }

  #apply(): void {
    const isStill = this.#isHeld || this.#rest !== undefined;
    const changed = isStill ? this.#worker.pause(true) : this.#worker.resume();
    changed.catch((error) => this.logger.debug({ err: error, queue: this.queue }, "BullMQ could not be paused."));
  }
}
