import type { Logger } from "pino";
import { type ModelStatus, QueueUnavailable } from "../queue.js";
import type { RedisClient } from "../redis-connection/connection.js";
import { checkRedis } from "../redis-connection/start-check.js";
import { Leases } from "./leases.js";
import { modelOf, readStatus, type StatusReply } from "./replies.js";
import { Scripts } from "./scripts.js";

/** What an operator sees of the queue and can do to it. No action loses an accepted job. */
export interface QueueControl {
  status(): Promise<readonly ModelStatus[]>;
  /** Workers take no image of the model until it is resumed; running images are finished. */
  pause(model: string): Promise<void>;
  resume(model: string): Promise<void>;
  /** New jobs of the model are refused; accepted ones are completed. */
  drain(model: string): Promise<void>;
  undrain(model: string): Promise<void>;
  pauseWorker(id: string): Promise<void>;
  resumeWorker(id: string): Promise<void>;
  close(): Promise<void>;
}

/** Rejects with `QueueStartError`. */
export async function openControl(
  options: { readonly redisUrl: string; readonly redisPrefix: string },
  logger: Logger,
): Promise<QueueControl> {
  const redis = await checkRedis({ ...options, acceptDurable: false });
  return new RedisControl(redis.connect({ maxRetriesPerRequest: 1 }), redis.redisPrefix, logger);
}

class RedisControl implements QueueControl {
  readonly #scripts: Scripts;
  readonly #leases: Leases;

  constructor(
    private readonly client: RedisClient,
    private readonly redisPrefix: string,
    logger: Logger,
  ) {
    client.on("error", (error) => logger.debug({ err: error }, "The connection to Redis reported an error."));
    this.#scripts = new Scripts(client, redisPrefix);
    this.#leases = new Leases(client, redisPrefix, logger);
  }

  status(): Promise<readonly ModelStatus[]> {
    return this.#answer(async () => {
      const reply = (await this.#scripts.call("status")) as StatusReply;
      return readStatus(reply, await this.#leases.paused(reply[0].map(([queue]) => queue))).models;
    });
  }

  pause(model: string): Promise<void> {
    return this.#onQueues(model, (queue) => this.#leases.queue(queue).pause());
  }

  resume(model: string): Promise<void> {
    return this.#onQueues(model, (queue) => this.#leases.queue(queue).resume());
  }

  drain(model: string): Promise<void> {
    return this.#onQueues(model, (queue) => this.client.hset(this.#key(`line:${queue}`), "draining", 1));
  }

  undrain(model: string): Promise<void> {
    return this.#onQueues(model, (queue) => this.client.hdel(this.#key(`line:${queue}`), "draining"));
  }

  pauseWorker(id: string): Promise<void> {
    return this.#answer(async () => {
      await this.client.hset(this.#key(`worker:${id}`), "paused", 1);
      await this.#notifyWorkers();
    });
  }

  resumeWorker(id: string): Promise<void> {
    return this.#answer(async () => {
      await this.client.hdel(this.#key(`worker:${id}`), "paused");
      await this.#notifyWorkers();
    });
  }

  async close(): Promise<void> {
    await this.#leases.close();
    this.client.disconnect();
  }

  async #notifyWorkers(): Promise<void> {
    await this.client.publish(this.#key("control"), "look");
  }

  #onQueues(model: string, act: (queue: string) => Promise<unknown>): Promise<void> {
    return this.#answer(async () => {
      const queues = await this.client.smembers(this.#key("queues"));
      for (const queue of queues.filter((one) => modelOf(one) === model)) await act(queue);
    });
  }

  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw new QueueUnavailable(`Redis rejected the command: ${(error as Error).message.split(" script:")[0]}`, {
        cause: error,
      });
    }
  }

  #key(name: string): string {
    return `${this.redisPrefix}::${name}`;
  }
}
