import { createHmac } from "node:crypto";
import type { Logger } from "pino";
import type { JobRecord } from "../job.js";
import type { Delivery, WebhookOutbox } from "../queue/queue.js";
import { ATTEMPT_MS, describeAttemptFailure, post } from "./post.js";
import { type Resolve, readTarget, type TargetPolicy, TargetRefused } from "./target.js";

export interface DelivererOptions {
  readonly queue: WebhookOutbox;
  readonly policy: TargetPolicy;
  /** Attempts before a webhook is given up. */
  readonly maxAttempts: number;
  /** Delay before the second attempt; it quadruples each time, up to an hour. */
  readonly firstDelayMs: number;
  /** The secrets that sign a caller's webhooks, separated by commas; undefined if it has none, or no longer has one. */
  readonly secretsOf: (caller: string) => string | undefined;
  /** The event's data. */
  readonly describe: (record: JobRecord) => unknown;
  readonly userAgent: string;
  readonly logger: Logger;
  /** For tests only: resolves host names. */
  readonly resolve?: Resolve;
}

const LOOK_MS = 500;
const IN_FLIGHT = 16;
/** Bounds each caller, so that an endpoint that never responds delays only its own webhooks. */
const IN_FLIGHT_OF_CALLER = 4;
/** If this process dies, another one takes over a delivery after this time, well after the attempt is over. */
const LEASE_MS = 3 * ATTEMPT_MS;
const MAX_DELAY_MS = 3_600_000;
const CALLER_BUSY_MS = 1000;
const JITTER = 0.2;

/** Responses whose `Retry-After` counts. */
const MAY_ASK_TO_WAIT = new Set([429, 503]);

interface AttemptFailure {
  readonly reason: string;
  /** Further attempts would be in vain. */
  readonly isFinal: boolean;
  /** The next attempt must not begin earlier. */
  readonly retryAfterMs?: number;
}

/** Notifies clients when their jobs end: each at least once, in any order, until a 2xx response or the last attempt. */
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

  /** Starts no more attempts; resolves when the current ones are over. Other processes or the next start deliver the rest. */
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
      logger.debug({ err: error }, "could not take webhooks from the queue; trying again");
    }
    this.#schedule(room > 0 && taken.length === room ? 0 : LOOK_MS);
  }

  /** Resolves when the attempt has started or was postponed. */
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
      if (failure === undefined) log.info("delivered a webhook");
      else if (failure.isFinal || attempt >= maxAttempts) log.warn({ reason: failure.reason }, "gave up on a webhook");
      else {
        log.info({ reason: failure.reason }, "could not deliver a webhook; trying again later");
        const delayMs = Math.min(MAX_DELAY_MS, Math.max(firstDelayMs * 4 ** (attempt - 1), failure.retryAfterMs ?? 0));
        return await queue.postpone(id, Math.round(delayMs * (1 + JITTER * Math.random())), "used");
      }
      await queue.end(id);
    } catch (error) {
      log.warn({ err: error }, "could not record the outcome of a webhook; it will be sent again");
    }
  }

  /** Why the attempt failed; undefined if the receiver accepted the webhook. */
  async #attempt(record: JobRecord): Promise<AttemptFailure | undefined> {
    const { policy, resolve, secretsOf, userAgent } = this.options;
    const { spec } = record;
    const secrets = secretsOf(spec.caller ?? "");
    if (secrets === undefined) return { reason: "The API key no longer has a webhook secret.", isFinal: true };
    const body = JSON.stringify(webhookEvent(record, this.options.describe(record)));
    const headers = {
      "Content-Type": "application/json",
      "User-Agent": userAgent,
      ...signatureHeaders(secrets, `msg_${spec.id}`, body),
    };
    try {
      const url = readTarget(spec.webhook_url!, policy);
      const { status, retryAfterMs = 0 } = await post(url, headers, body, { policy, ...(resolve && { resolve }) });
      if (status >= 200 && status < 300) return undefined;
      // With 410 a receiver says that it wants no more webhooks.
      const reason = `The receiver responded with ${status}.`;
      return { reason, isFinal: status === 410, ...(MAY_ASK_TO_WAIT.has(status) && { retryAfterMs }) };
    } catch (error) {
      if (error instanceof TargetRefused) return { reason: `The webhook's address ${error.message}.`, isFinal: true };
      return { reason: describeAttemptFailure(error), isFinal: false };
    }
  }
}

/** The body of a webhook, in the shape that Standard Webhooks recommends. */
export function webhookEvent(record: JobRecord, data: unknown) {
  return { type: `job.${record.state}`, timestamp: new Date(record.finishedAt ?? 0).toISOString(), data };
}

const SECRET_PREFIX = "whsec_";

/**
 * A webhook's headers after Standard Webhooks 1.0 (standardwebhooks.com): its id, the same for every attempt; the
 * attempt's time in seconds; and the HMAC-SHA256 of id, time and body, by each secret.
 */
function signatureHeaders(secrets: string, id: string, body: string): Record<string, string> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signatures = secrets.split(",").map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), "base64");
    return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
