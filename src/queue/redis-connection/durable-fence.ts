import type { Logger } from "pino";
import { callBeside, type RedisClient } from "./connection.js";
import { QueueStartError, type RedisAccess } from "./start-check.js";

/** Longest that a fence waits for the disk; `appendfsync everysec` needs a second, a slow disk more. */
const WAIT_MS = 4500;

/**
 * Waits until everything written before a moment is in the append-only file on disk. WAITAOF blocks its connection, so the
 * fence has one of its own: a tiny write on it follows all earlier writes, and one fence serves all callers that came before.
 */
export class DurableFence {
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(
    private readonly connection: RedisClient,
    private readonly key: string,
  ) {}

  static open(redis: RedisAccess, logger: Logger): DurableFence {
    const connection = redis.connect({ commandTimeout: 2 * WAIT_MS, maxRetriesPerRequest: 1 });
    connection.on("error", (error) =>
      logger.debug({ err: error }, "The connection for durable writes reported an error."),
    );
    return new DurableFence(connection, `${redis.redisPrefix}::fence`);
  }

  /** Passes a first one; rejects with `QueueStartError` where that can't be done, as with `appendfsync no`. */
  async prove(): Promise<void> {
    try {
      await this.passed();
    } catch (error) {
      const reason = (error as Error).message;
      throw new QueueStartError(
        `Redis can't confirm that a write is on disk (${reason}): ACCEPT_DURABLE=true needs appendfsync everysec or always.`,
      );
    }
  }

  /** Resolves once all that Redis has answered so far is on disk; rejects when that takes too long. */
  passed(): Promise<void> {
    // Callers that come while a fence is under way may have written after it: they share the next one.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const fence = this.#pass();
      this.#running = fence.catch(() => {});
      return fence;
    });
    return this.#next;
  }

  close(): void {
    this.connection.disconnect();
  }

  async #pass(): Promise<void> {
    await this.connection.set(this.key, 1);
    const [local] = (await callBeside(this.connection, this.key, "WAITAOF", 1, 0, WAIT_MS)) as [number, number];
    if (local < 1) throw new Error(`it was not on disk after ${WAIT_MS} ms`);
  }
}
