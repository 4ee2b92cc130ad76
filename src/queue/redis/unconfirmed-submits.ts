import type { RedisClient } from "../redis-connection/connection.js";

/** Ids that are remembered while Redis is away; beyond that, the oldest are forgotten and their jobs run unwanted. */
const MAX_IDS = 1000;
const RETRY_MS = 1000;

/**
 * Submits that were answered with an error because Redis did not confirm them: the jobs may exist. They are cancelled once
 * Redis answers again.
 */
export class UnconfirmedSubmits {
  readonly #ids = new Set<string>();
  #retry: NodeJS.Timeout | undefined;

  constructor(
    client: RedisClient,
    private readonly cancel: (id: string) => Promise<unknown>,
  ) {
    client.on("ready", () => void this.#cancelAll());
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size > MAX_IDS) this.#ids.delete(this.#ids.values().next().value!);
    // A command that timed out leaves its connection as it is: there will be no "ready" to wait for.
    this.#retryLater();
  }

  /** One timer for all ids: many submits fail together. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      void this.#cancelAll();
    }, RETRY_MS).unref();
  }

  async #cancelAll(): Promise<void> {
    try {
      for (const id of this.#ids) {
        await this.cancel(id);
        this.#ids.delete(id);
      }
    } catch {
      this.#retryLater();
    }
  }
}
