import type { Logger } from "pino";
import type { QueueHealth } from "../queue.js";
import type { RedisClient } from "./connection.js";
import { findUnfitness } from "./fitness.js";
import { refusalOf } from "./redis-errors.js";

/** How often a Redis that came back unfit is checked again. */
const LOOK_AGAIN_MS = 5000;

/** Whether Redis answers and is still fit for a queue, as its connections report; logs when that changes. */
export class RedisHealth {
  #health: QueueHealth = { reachable: true };
  /** Why a reachable Redis must not be used for the queue. */
  #unfitness: string | undefined;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redisPrefix: string,
    private readonly logger: Logger,
    private readonly acceptDurable = false,
  ) {}

  get health(): QueueHealth {
    const { unfitness } = this;
    return this.#health.reachable && unfitness ? { reachable: false, reason: unfitness } : this.#health;
  }

  /** Why no job may be stored in this Redis, though it answers. */
  get unfitness(): string | undefined {
    return this.#unfitness && `Redis ${this.#unfitness}`;
  }

  /** Follows a client that is not connected yet; the Redis that it connects to first was checked before. */
  follow(client: RedisClient): void {
    let connections = 0;
    client.on("ready", () => {
      this.#set({ reachable: true });
      // It may be another one, or have other settings than at the start.
      if (connections++ > 0) void this.#look(client);
    });
    client.on("close", () => this.failed("The connection to Redis is lost."));
    // A cluster has lost a node: another one has, or will have, its slots.
    client.on("-node", () => void this.#look(client));
    const onError = (error: Error) => {
      const refusal = refusalOf(error);
      if (refusal) this.failed(`Redis ${refusal}`);
      // Without a listener ioredis writes errors to the console; "close" reports what other errors lead to.
      this.logger.debug({ err: error }, "The connection to Redis reported an error.");
    };
    client.on("error", onError);
    client.on("node error", onError);
  }

  answered(): void {
    if (!this.#health.reachable) this.#set({ reachable: true });
  }

  failed(reason: string): void {
    this.#set({ reachable: false, reason });
  }

  /** What follows is caused by closing. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #look(client: RedisClient): Promise<void> {
    clearTimeout(this.#timer);
    const key = `${this.redisPrefix}::secret`;
    const wasFit = this.#unfitness === undefined;
    let isUnknown = false;
    try {
      this.#unfitness = await findUnfitness(client, key, this.acceptDurable, wasFit ? this.logger : undefined);
    } catch (error) {
      isUnknown = true;
      this.logger.debug({ err: error }, "The check of Redis failed.");
    }
    if (this.#ended) return;
    if (wasFit && this.#unfitness)
      this.logger.error(`Redis ${this.#unfitness} No job is accepted until that is fixed.`);
    if (!wasFit && !this.#unfitness) this.logger.info("Redis is fit for a queue again.");
    if (isUnknown || this.#unfitness) this.#timer = setTimeout(() => void this.#look(client), LOOK_AGAIN_MS).unref();
  }

  #set(health: QueueHealth): void {
    const before = this.#health;
    this.#health = health;
    if (this.#ended || health.reachable === before.reachable) return;
    if (health.reachable) this.logger.info("Redis answers again.");
    else this.logger.warn(health.reason);
  }
}
