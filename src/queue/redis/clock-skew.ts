import type { Logger } from "pino";
import { monotonicMs } from "../../telemetry/monotonic-clock.js";
import type { Scripts } from "./scripts.js";

const EVERY_MS = 10_000;
/** Above this, the skew is logged. */
const NOTABLE_S = 1;
/** An answer that takes longer says too little about the time. */
const PROMPT_MS = 500;

/**
 * Compares this process's wall clock with that of Redis. No deadline and no duration depends on it, but log lines, and the
 * timestamps that webhooks are signed with.
 */
export class ClockSkew {
  #seconds = 0;
  #isLogged = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly scripts: Scripts,
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => void this.look(), EVERY_MS).unref();
  }

  /** Seconds that this process's clock is ahead of that of Redis; negative: behind. 0 until `look` has had an answer. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Never rejects. */
  async look(): Promise<void> {
    try {
      const askedMs = monotonicMs();
      const redisMs = Number(await this.scripts.call("time"));
      const tookMs = monotonicMs() - askedMs;
      if (tookMs <= PROMPT_MS) this.#set(Math.round(Date.now() - tookMs / 2 - redisMs) / 1000);
    } catch (error) {
      this.logger.debug({ err: error }, "The time of Redis could not be read; it will be again.");
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #set(seconds: number): void {
    this.#seconds = seconds;
    const isNotable = Math.abs(seconds) > NOTABLE_S;
    if (isNotable && !this.#isLogged) {
      const off = `${Math.abs(seconds).toFixed(1)} s ${seconds > 0 ? "ahead of" : "behind"}`;
      this.logger.warn(
        `The clock of this machine is ${off} that of Redis. Deadlines follow Redis; synchronise the clocks.`,
      );
    }
    this.#isLogged = isNotable;
  }
}
