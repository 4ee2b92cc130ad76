import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { QueueHealth } from "../queue.js";

/** Whether Redis answers now, from what its connections tell; says so in the log when that changes. */
export class Reachability {
  #health: QueueHealth = { reachable: true };

  constructor(private readonly logger: Logger) {}

  get health(): QueueHealth {
    return this.#health;
  }

  follow(client: Redis): void {
    client.on("ready", () => this.#set({ reachable: true }));
    client.on("close", () => this.failed("The connection to Redis is lost."));
    // Without a listener ioredis writes errors to the console; what they lead to is told by "close".
    client.on("error", (error: Error) => this.logger.debug({ err: error }, "The connection to Redis has an error."));
  }

  answered(): void {
    if (!this.#health.reachable) this.#set({ reachable: true });
  }

  failed(reason: string): void {
    this.#set({ reachable: false, reason });
  }

  #set(health: QueueHealth): void {
    const changed = health.reachable !== this.#health.reachable;
    this.#health = health;
    if (!changed) return;
    if (health.reachable) this.logger.info("Redis answers again.");
    else this.logger.warn(health.reason);
  }
}
