import { Queue } from "bullmq";
import type { Logger } from "pino";
import { connect, keyPrefix, type RedisClient } from "../redis-connection/connection.js";
import { readRedisUrl } from "../redis-connection/redis-url.js";
import { queueName } from "./replies.js";

/** BullMQ's own events that are kept: nothing here reads them. */
const KEPT_EVENTS = 100;
/** Leases that one sweep adds or removes in a queue. */
const MAX_BALANCED = 1000;

/**
 * A lease is a BullMQ job: the right to make one image. Which image is decided when a worker takes the lease
 * (lua/leases.lua), so a surplus lease finds none and ends, and `balance` adds missing ones. Only BullMQ's public API is used.
 */
export class Leases {
  readonly #queues = new Map<string, Queue>();
  /** By queue, as the last sweep saw it. */
  readonly #surplus = new Map<string, number>();

  constructor(
    private readonly client: RedisClient,
    private readonly redisPrefix: string,
    private readonly logger: Logger,
  ) {}

  /** Never rejects: the sweep adds the leases that could not be added here. */
  async add(queue: string, count: number): Promise<void> {
    try {
      if (count === 1) await this.queue(queue).add("image", null);
      else if (count > 1) {
        await this.queue(queue).addBulk(Array.from({ length: count }, () => ({ name: "image", data: null })));
      }
    } catch (error) {
      this.logger.debug({ err: error, queue, count }, "Leases could not be added; the sweep will.");
    }
  }

  /**
   * Adds missing and removes surplus leases of a queue, given its waiting images and its bound leases (those with an image).
   * Returns the bound leases that BullMQ has lost.
   */
  async balance(name: string, waitingImages: number, bound: readonly string[]): Promise<string[]> {
    const queue = this.queue(name);
    const { waiting = 0, active = 0 } = await queue.getJobCounts("waiting", "active");
    const missing = waitingImages + bound.length - waiting - active;
    // Bound leases that stalled wait, too, before all others.
    const surplus = waiting - waitingImages - Math.max(0, bound.length - active);
    await this.#removeSurplus(queue, surplus);
    if (missing <= 0) return [];
    await this.add(name, Math.min(missing, MAX_BALANCED));
    const present = new Set(bound.length > 0 ? await queue.getRanges(["active", "wait"], 0, -1) : []);
    return bound.filter((lease) => !present.has(lease));
  }

  /** A job that is accepted between two looks may seem a surplus: only what was one at the last sweep, too, is removed. */
  async #removeSurplus(queue: Queue, surplus: number): Promise<void> {
    const count = Math.min(surplus, this.#surplus.get(queue.name) ?? 0, MAX_BALANCED);
    this.#surplus.set(queue.name, surplus);
    if (count <= 0) return;
    const newest = await queue.getRanges(["wait"], 0, count - 1);
    await Promise.all(newest.map((lease) => queue.remove(lease)));
  }

  /** Those of the queues that an operator paused. */
  async paused(names: readonly string[]): Promise<Set<string>> {
    const states = await Promise.all(names.map((name) => this.queue(name).isPaused()));
    return new Set(names.filter((_, index) => states[index]));
  }

  queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (!queue) {
      queue = new Queue(name, {
        connection: this.client,
        prefix: this.redisPrefix,
        streams: { events: { maxLen: KEPT_EVENTS } },
      });
      queue.on("error", (error) => this.logger.debug({ err: error, queue: name }, "BullMQ's queue reported an error."));
      this.#queues.set(name, queue);
    }
    return queue;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
  }
}

/** BullMQ's queues of leases, for the board. */
export function openLeaseQueues(
  options: { readonly redisUrl: string; readonly redisPrefix: string },
  models: readonly string[],
  logger: Logger,
): { readonly queues: readonly Queue[]; close(): Promise<void> } {
  const client = connect(readRedisUrl(options.redisUrl), {
    canInfo: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 5000,
  });
  client.on("error", (error) => logger.debug({ err: error }, "The board's connection to Redis reported an error."));
  const leases = new Leases(client, keyPrefix(options), logger);
  return {
    queues: models.map((model) => leases.queue(queueName(model))),
    async close() {
      await leases.close();
      client.disconnect();
    },
  };
}
