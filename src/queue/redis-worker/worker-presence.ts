import { hostname } from "node:os";
import type { Logger } from "pino";
import { isNewer, modelOf } from "../redis/replies.js";
import type { Scripts } from "../redis/scripts.js";
import type { RedisClient } from "../redis-connection/connection.js";
import { refusalOf } from "../redis-connection/redis-errors.js";
import type { RedisHealth } from "../redis-connection/redis-health.js";
import { isPassing } from "../redis-connection/retry.js";
import { waitUntil } from "../wait-until.js";

/** A call that is not answered within this time shows that Redis is away. */
const ANSWER_MS = 5000;
const NEWER_JOBS_EVERY_MS = 60_000;

export interface PresenceOptions {
  /** Unique for this process's life. */
  readonly worker: string;
  readonly queues: readonly string[];
  readonly lockMs: number;
  /** Whether an operator paused this worker, as it was last heard. */
  readonly isPaused: () => boolean;
  /** Seconds that this worker's clock is ahead of that of Redis. */
  readonly skew: () => number;
  /** An operator paused or resumed this worker. */
  onPaused(isPaused: boolean): void;
}

/** Says again and again that this worker serves its queues: jobs of a model that no worker serves are refused. */
export class WorkerPresence {
  #timer: NodeJS.Timeout | undefined;
  #isServing = true;
  #ended = false;

  constructor(
    private readonly scripts: Scripts,
    private readonly redisHealth: RedisHealth,
    private readonly options: PresenceOptions,
    private readonly logger: Logger,
  ) {}

  /** Says so for the first time, and rejects when that fails; from then on by itself. */
  async start(): Promise<void> {
    await this.#serve();
    this.#schedule();
  }

  /** An operator may have paused this worker. */
  lookNow(): void {
    this.#serve().catch((error) => this.#failed(error));
  }

  /** From now on the worker serves no queue. */
  async retire(): Promise<void> {
    this.#isServing = false;
    await this.#serve();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(async () => {
      await this.#serve().catch((error) => this.#failed(error));
      this.#schedule();
    }, this.options.lockMs / 6);
  }

  async #serve(): Promise<void> {
    const { worker, queues, lockMs, isPaused, skew } = this.options;
    const details = JSON.stringify({ host: hostname(), pid: process.pid, skew: skew() });
    const served = this.#isServing ? queues : [];
    const reply = this.scripts.call("serve", worker, details, Math.ceil(lockMs / 2), isPaused() ? 1 : 0, ...served);
    if (!(await waitUntil(reply, ANSWER_MS))) throw new Error("Command timed out: a worker's presence.");
    const paused = await reply;
    this.redisHealth.answered();
    if (!this.#ended && this.#isServing) this.options.onPaused(paused === 1);
  }

  #failed(error: unknown): void {
    this.redisHealth.failed("Redis does not answer as it should.");
    if (isPassing(error) || refusalOf(error as Error))
      this.logger.debug({ err: error }, "This worker's presence could not be renewed; it will be tried again.");
    else this.logger.error({ err: error }, "This worker's presence could not be renewed.");
  }
}

/**
 * Warns in the log while images of this worker's models wait that only workers of a newer release can make, as after a
 * release was taken back: nothing else would say why they wait. Returns how to stop.
 */
export function lookForNewerJobs(
  client: RedisClient,
  redisPrefix: string,
  models: readonly string[],
  logger: Logger,
): () => void {
  const reported = new Set<string>();
  const look = async () => {
    try {
      const queues = await client.smembers(`${redisPrefix}::queues`);
      for (const queue of queues.filter((one) => isNewer(one) && models.includes(modelOf(one)))) {
        const waiting = Number(await client.hget(`${redisPrefix}::line:${queue}`, "waiting"));
        if (waiting > 0 && !reported.has(queue)) {
          const why =
            "Images wait that a newer release accepted: this worker can't read their jobs and leaves them to one of that release.";
          logger.warn({ queue, waiting }, why);
        }
        if (waiting > 0) reported.add(queue);
        else reported.delete(queue);
      }
    } catch (error) {
      logger.debug({ err: error }, "Could not look for jobs of newer releases.");
    }
  };
  void look();
  const timer = setInterval(look, NEWER_JOBS_EVERY_MS).unref();
  return () => clearInterval(timer);
}
