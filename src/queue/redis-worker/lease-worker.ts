import { Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { isPassing } from "../redis-connection/retry.js";

/** How long nothing is fetched after Redis has refused: BullMQ would ask again at once, thousands of times a second. */
const FIRST_REST_MS = 100;
const LONGEST_REST_MS = 2000;
/** The bound on an image's tries is ours: a token that stalls is never given up. */
const NEVER_STALLED_TOO_OFTEN = 1_000_000;

export interface TokenWorkerOptions {
  readonly client: Redis;
  readonly redisPrefix: string;
  /** Tokens that are held at a time. */
  readonly concurrency: number;
  readonly lockMs: number;
}

/** BullMQ's worker on one queue: it fetches tokens, as long as nobody holds it and Redis does not refuse. */
export class TokenWorker {
  readonly #worker: Worker;
  #isHeld = false;
  #rest: NodeJS.Timeout | undefined;
  #restMs = FIRST_REST_MS;

  /** `onToken` resolves once the token is used up. */
  constructor(
    private readonly queue: string,
    onToken: () => Promise<void>,
    { client, redisPrefix, concurrency, lockMs }: TokenWorkerOptions,
    private readonly logger: Logger,
  ) {
    this.#worker = new Worker(queue, onToken, {
      connection: client,
      prefix: redisPrefix,
      autorun: false,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs / 2,
      maxStalledCount: NEVER_STALLED_TOO_OFTEN,
      runRetryDelay: 1000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#worker.on("active", () => {
      this.#restMs = FIRST_REST_MS;
    });
    this.#worker.on("error", (error) => {
      this.logger.debug({ err: error, queue }, "BullMQ's worker has an error.");
      if (isPassing(error)) this.#takeRest();
    });
  }

  async ready(): Promise<void> {
    await this.#worker.waitUntilReady();
  }

  /** Fetches tokens from here on. */
  run(): void {
    this.#worker.run().catch((error) => this.logger.error({ err: error, queue: this.queue }, "BullMQ ended."));
  }

  /** No token is fetched until `release`; those that are held are used up. */
  hold(): void {
    this.#isHeld = true;
    this.#apply();
  }

  release(): void {
    this.#isHeld = false;
    this.#apply();
  }

  /** Waits for the tokens that are held, unless `force`. */
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
