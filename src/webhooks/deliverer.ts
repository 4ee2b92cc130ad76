import type { Logger } from "pino";
import type { JobRecord } from "../job.js";
import type { Delivery, WebhookOutbox } from "../queue/queue.js";
import { describeAttemptFailure } from "./attempt-failure.js";
import { ATTEMPT_MS, post } from "./post.js";
import { signatureHeaders } from "./signature.js";
import { type Resolve, readTarget, type TargetPolicy, TargetRefused } from "./target.js";

export interface DelivererOptions {
  readonly queue: WebhookOutbox;
  readonly policy: TargetPolicy;
  /** Attempts of one webhook before it is given up. */
  readonly maxAttempts: number;
  /** Before the second attempt; before each later one four times as long, an hour at most. */
  readonly firstDelayMs: number;
  /** The secret of the caller that the job belongs to; undefined where it has none, or no longer. */
  readonly secretOf: (caller: string) => string | undefined;
  /** The event's data. */
  readonly describe: (record: JobRecord) => unknown;
  readonly userAgent: string;
  readonly logger: Logger;
  /** Tests only: names are resolved by this. */
  readonly resolve?: Resolve;
}

const LOOK_MS = 500;
const IN_FLIGHT = 16;
/** One caller's, so that an endpoint that never answers holds up its own only. */
const IN_FLIGHT_OF_CALLER = 4;
/** When a delivery is taken up by another process, should this one die: well after the attempt is over. */
const LEASE_MS = 3 * ATTEMPT_MS;
const MAX_DELAY_MS = 3_600_000;
const CALLER_BUSY_MS = 1000;
const JITTER = 0.2;

/** Tells clients of their jobs' ends: each at least once, in no order, until it is answered with 2xx or given up. */
export class Deliverer {
  readonly #inFlight = new Map<string, number>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #onIdle = () => {};
  #isStopped = false;

  constructor(private readonly options: DelivererOptions) {}

  start(): void {
    this.#schedule(0);
  }

  /** Begins no more attempts; resolves once those under way are over. What is left is others', or the next start's. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
    if (this.#count > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look();
    }, delayMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { queue, logger } = this.options;
    const room = IN_FLIGHT - this.#count;
    let taken: readonly Delivery[] = [];
    try {
      if (room > 0) taken = await queue.take(room, LEASE_MS);
      await Promise.all(taken.map((delivery) => this.#begin(delivery)));
    } catch (error) {
      logger.debug({ err: error }, "Webhooks could not be taken up; they will be.");
    }
    this.#schedule(room > 0 && taken.length === room ? 0 : LOOK_MS);
  }

  /** Resolves once the attempt has begun, or was put off. */
  async #begin(delivery: Delivery): Promise<void> {
    const { id, caller = "" } = delivery.record.spec;
    const ofCaller = this.#inFlight.get(caller) ?? 0;
    if (ofCaller >= IN_FLIGHT_OF_CALLER) return this.options.queue.postpone(id, CALLER_BUSY_MS, "unused");
    this.#inFlight.set(caller, ofCaller + 1);
    this.#count++;
    void this.#deliver(delivery).finally(() => {
      const left = this.#inFlight.get(caller)! - 1;
      if (left > 0) this.#inFlight.set(caller, left);
      else this.#inFlight.delete(caller);
      if (--this.#count === 0) this.#onIdle();
    });
  }

  async #deliver({ record, attempt }: Delivery): Promise<void> {
    const { queue, maxAttempts, firstDelayMs, logger } = this.options;
    const { id } = record.spec;
    const failure = await this.#attempt(record);
    const log = logger.child({ job: id, attempt });
    try {
      if (failure === undefined) log.info("The webhook was delivered.");
      else if (failure.isFinal || attempt >= maxAttempts)
        log.warn({ reason: failure.reason }, "The webhook is given up.");
      else {
        log.info({ reason: failure.reason }, "The webhook was not delivered; it will be tried again.");
        const delayMs = Math.min(MAX_DELAY_MS, firstDelayMs * 4 ** (attempt - 1));
        return await queue.postpone(id, Math.round(delayMs * (1 + JITTER * Math.random())), "used");
      }
      await queue.end(id);
    } catch (error) {
      log.warn({ err: error }, "What became of a webhook could not be noted: it will be sent again.");
    }
  }

  /** What went wrong; undefined for a delivery that its receiver took. */
  async #attempt(record: JobRecord): Promise<{ reason: string; isFinal: boolean } | undefined> {
    const { policy, resolve, secretOf, userAgent } = this.options;
    const { spec } = record;
    const secret = secretOf(spec.caller ?? "");
    if (secret === undefined) return { reason: "Its key has no webhook secret any more.", isFinal: true };
    const body = JSON.stringify(webhookEvent(record, this.options.describe(record)));
    const headers = {
      "Content-Type": "application/json",
      "User-Agent": userAgent,
      ...signatureHeaders(secret, `msg_${spec.id}`, body),
    };
    try {
      const url = readTarget(spec.webhook_url!, policy);
      const status = await post(url, headers, body, { policy, ...(resolve && { resolve }) });
      if (status >= 200 && status < 300) return undefined;
      // 410 is how a receiver says that it wants no more.
      return { reason: `Its receiver answered ${status}.`, isFinal: status === 410 };
    } catch (error) {
      if (error instanceof TargetRefused) return { reason: `Its address ${error.message}.`, isFinal: true };
      return { reason: describeAttemptFailure(error), isFinal: false };
    }
  }
}

/** What is sent, in the shape that Standard Webhooks recommends. */
export function webhookEvent(record: JobRecord, data: unknown) {
  return { type: `job.${record.state}`, timestamp: new Date(record.finishedAt ?? 0).toISOString(), data };
}
