import { hostname } from "node:os";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Scripts } from "../redis/scripts.js";
import { refusalOf } from "../redis-connection/redis-errors.js";
import type { Reachability } from "../redis-connection/redis-health.js";
import { isPassing } from "../redis-connection/retry.js";

/** A beat that is not answered within this time shows that Redis is away. */
const ANSWER_MS = 5000;

export interface PresenceOptions {
  /** Unique for this process's life. */
  readonly worker: string;
  readonly queues: readonly string[];
  readonly lockMs: number;
  /** Whether an operator paused this worker, as it was last heard. */
  readonly isPaused: () => boolean;
  /** An operator paused this worker, or let it go on. */
  onPaused(isPaused: boolean): void;
}

/** Says again and again that this worker lives: one that is silent for `lockMs` counts as dead, and its images run elsewhere. */
export class WorkerPresence {
  #timer: NodeJS.Timeout | undefined;
  #isServing = true;
  #ended = false;

  constructor(
    private readonly scripts: Scripts,
    private readonly reachability: Reachability,
    private readonly options: PresenceOptions,
    private readonly logger: Logger,
  ) {}

  /** The first beat; rejects when it fails. From then on by itself. */
  async start(): Promise<void> {
    await this.#beat();
    this.#schedule();
  }

  /** Beats now: an operator may have paused this worker. */
  lookNow(): void {
    this.#beat().catch((error) => this.#failed(error));
  }

  /** Goes on living, but counts no longer when a job asks for a worker. */
  async retire(): Promise<void> {
    this.#isServing = false;
    await this.scripts.call("retire", this.options.worker);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(async () => {
      await this.#beat().catch((error) => this.#failed(error));
      this.#schedule();
    }, this.options.lockMs / 6);
  }

  async #beat(): Promise<void> {
    const { worker, queues, lockMs, isPaused } = this.options;
    const details = JSON.stringify({ host: hostname(), pid: process.pid });
    const served = this.#isServing ? queues : [];
    const beat = this.scripts.call("beat", worker, details, lockMs / 2, lockMs, isPaused() ? 1 : 0, ...served);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("Command timed out: a worker's beat.")), ANSWER_MS);
    });
    try {
      const paused = await Promise.race([beat, late]);
      this.reachability.answered();
      if (!this.#ended && this.#isServing) this.options.onPaused(paused === 1);
    } finally {
      clearTimeout(timer);
      beat.catch(() => {});
    }
  }

  #failed(error: unknown): void {
    this.reachability.failed("Redis does not answer as it should.");
    if (isPassing(error) || refusalOf(error as Error))
      this.logger.debug({ err: error }, "A beat was not answered; the next one follows.");
    else this.logger.error({ err: error }, "A beat failed.");
  }
}

/** What other processes tell workers: "ended ID", "watched ID", "look". */
export async function listenToControl(
  client: Redis,
  redisPrefix: string,
  on: { ended(id: string): void; watched(id: string): void; look(): void },
  logger: Logger,
): Promise<Redis> {
  const subscriber = client.duplicate({ maxRetriesPerRequest: null });
  subscriber.on("error", (error) => logger.debug({ err: error }, "The subscription to Redis has an error."));
  subscriber.on("message", (_, message) => {
    const [what, id = ""] = message.split(" ");
    if (what === "ended") on.ended(id);
    else if (what === "watched") on.watched(id);
    else if (what === "look") on.look();
  });
  await subscriber.subscribe(`${redisPrefix}::control`);
  return subscriber;
}
