import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";

/** How many of BullMQ's own events are kept: nobody here reads them. */
const KEPT_EVENTS = 100;

/**
 * Tokens are BullMQ jobs that say no more than "there is an image to make"; which one is decided when a worker takes it.
 * So a token that is lost or too many does no harm: the sweep adds or drops the difference.
 */
export class Tokens {
  readonly #queues = new Map<string, Queue>();

  constructor(
    private readonly client: Redis,
    private readonly redisPrefix: string,
    private readonly logger: Logger,
  ) {}

  /** Never rejects: the sweep adds what could not be added here. */
  async add(queue: string, count: number): Promise<void> {
    const options = { removeOnComplete: true, removeOnFail: true };
    try {
      if (count === 1) await this.queue(queue).add("image", null, options);
      else if (count > 1) {
        await this.queue(queue).addBulk(
          Array.from({ length: count }, () => ({ name: "image", data: null, opts: options })),
        );
      }
    } catch (error) {
      this.logger.debug({ err: error, queue, count }, "Tokens could not be added; the sweep will.");
    }
  }

  queue(name: string): Queue {
    let queue = this.#queues.get(name);
    if (!queue) {
      queue = new Queue(name, {
        connection: this.client,
        prefix: this.redisPrefix,
        streams: { events: { maxLen: KEPT_EVENTS } },
      });
      queue.on("error", (error) => this.logger.debug({ err: error, queue: name }, "BullMQ's queue has an error."));
      this.#queues.set(name, queue);
    }
    return queue;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
  }
}
