import { createHash, randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { isFinal, type JobError, type JobRecord, type JobSpec, type StoredImage } from "../../job.js";
import { SignedIds } from "../job-ids.js";
import {
  type Allowance,
  type DeliveryQueue,
  type GetResult,
  type Idempotency,
  type JobListener,
  type JobQueue,
  type QueueHealth,
  type QueueStats,
  type QueueStatus,
  QueueUnavailable,
  type SubmitResult,
  type Usage,
} from "../queue.js";
import { connect } from "../redis-connection/connection.js";
import { DurableFence } from "../redis-connection/durable-fence.js";
import { Reachability } from "../redis-connection/redis-health.js";
import { checkRedis } from "../redis-connection/start-check.js";
import { unlessOver } from "../wait-until.js";
import { JobEvents } from "./job-watch.js";
import { Tokens } from "./leases.js";
import { modelOf, queueName, readRecord, type ViewReply } from "./replies.js";
import { Scripts } from "./scripts.js";
import { readStatus, type StatusReply } from "./status.js";
import { sweepOften } from "./sweeper.js";
import { Orphans } from "./unconfirmed-submits.js";
import type { Watch } from "./watches.js";
import { Deliveries } from "./webhook-outbox.js";

const COMMAND_TIMEOUT_MS = 5000;

export interface RedisQueueOptions {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  /** Images that may wait, over all models. */
  readonly maxQueuedImages: number;
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
  /** Whether a job is accepted only once Redis has it on disk. */
  readonly acceptDurable: boolean;
}

/** Checks that Redis is fit for a queue and opens the API's side of it; rejects with `QueueStartError`. */
export async function openRedisQueue(options: RedisQueueOptions, logger: Logger): Promise<JobQueue> {
  await checkRedis(options, logger);
  const { redisUrl, redisPrefix } = options;
  const reachability = new Reachability(logger, options.acceptDurable);
  const client = connect(redisUrl, { commandTimeout: COMMAND_TIMEOUT_MS, maxRetriesPerRequest: 1 });
  reachability.follow(client);
  const ids = new SignedIds(await sharedSecret(client, redisPrefix));
  const fence = options.acceptDurable ? DurableFence.open(client, redisPrefix, logger) : undefined;
  await fence?.prove().catch((error) => {
    fence.close();
    client.disconnect();
    throw error;
  });
  // From here on a call that can't be answered fails at once.
  client.options.enableOfflineQueue = false;
  const scripts = new Scripts(client, redisPrefix);
  const events = await JobEvents.open(client, scripts, redisPrefix, logger);
  return new RedisQueue(options, client, scripts, events, ids, fence, reachability, logger);
}

/** Kept in Redis, so that every process of the queue signs ids alike. */
async function sharedSecret(client: Redis, redisPrefix: string): Promise<Uint8Array> {
  const key = `${redisPrefix}::secret`;
  await client.set(key, randomBytes(32).toString("hex"), "NX");
  return Buffer.from((await client.get(key))!, "hex");
}

const NOBODY_KNOWS: JobError = {
  code: "job_cancelled",
  detail: "The job was taken in, but its client was told that it was not.",
};

type UsageReply = readonly [recentImages: number, resetS: number, unfinishedImages: number];
/** What call-submit.lua returns. */
type SubmitReply = readonly [kind: SubmitResult["kind"], detail: unknown, usage?: UsageReply];

function readUsage([recentImages, resetS, unfinishedImages]: UsageReply): Usage {
  return { recentImages, resetS, unfinishedImages };
}

class RedisQueue implements JobQueue {
  readonly deliveries: DeliveryQueue;
  readonly #tokens: Tokens;
  readonly #endSweeping: () => void;
  readonly #orphans: Orphans;

  constructor(
    private readonly options: RedisQueueOptions,
    private readonly client: Redis,
    private readonly scripts: Scripts,
    private readonly events: JobEvents,
    private readonly ids: SignedIds,
    private readonly fence: DurableFence | undefined,
    private readonly reachability: Reachability,
    logger: Logger,
  ) {
    this.#tokens = new Tokens(client, options.redisPrefix, logger);
    this.deliveries = new Deliveries(scripts, (reply) => this.#answer(reply));
    this.#orphans = new Orphans(client, (id) => this.cancel(id, NOBODY_KNOWS));
    this.#endSweeping = sweepOften(scripts, this.#tokens, options, logger, reachability);
  }

  newId(): string {
    return this.ids.next();
  }

  async submit(spec: JobSpec, idempotency?: Idempotency, allowance?: Allowance): Promise<SubmitResult> {
    const { unfitness } = this.reachability;
    if (unfitness) throw new QueueUnavailable(unfitness);
    const watch = this.events.watches.hold(spec.id);
    try {
      return await this.#answer(this.#submit(watch, spec, idempotency, allowance));
    } catch (error) {
      this.events.watches.drop(watch);
      // Perhaps it was taken in without its client knowing: then it is cancelled as soon as that can be said.
      if (!idempotency) this.#orphans.add(spec.id);
      throw error;
    }
  }

  async #submit(
    watch: Watch,
    spec: JobSpec,
    idempotency: Idempotency | undefined,
    allowance: Allowance | undefined,
  ): Promise<SubmitResult> {
    const queue = queueName(spec.model, spec.version);
    const key = idempotency ? createHash("sha256").update(idempotency.key).digest("base64url") : "";
    const reply = await this.scripts.call(
      "submit",
      spec.id,
      queue,
      spec.priority,
      spec.caller ?? "",
      spec.num_images,
      JSON.stringify(spec),
      spec.deadline_at ?? "",
      this.options.maxQueuedImages,
      key,
      idempotency?.bodyHash ?? "",
      allowance?.imagesPerMinute ?? "",
      allowance?.concurrentImages ?? "",
      spec.webhook_url === undefined ? "" : 1,
    );
    const [kind, detail, usage] = reply as SubmitReply;
    if (kind !== "accepted") this.events.watches.drop(watch);
    if (kind === "over_allowance") {
      const [limit, retryAfterS, used] = detail as [keyof Allowance, number, UsageReply];
      return { kind, limit, retryAfterS, usage: readUsage(used) };
    }
    if (kind === "full") return { kind, retryAfterS: detail as number };
    if (kind !== "accepted" && kind !== "existing") return { kind };
    const record = readRecord(detail as ViewReply);
    if (kind === "accepted") {
      void this.#tokens.add(queue, spec.num_images);
      watch.set(record);
    }
    await this.fence?.passed();
    return usage ? { kind, record, usage: readUsage(usage) } : { kind, record };
  }

  async get(id: string): Promise<GetResult> {
    return this.#found(id, await this.#answer(this.scripts.call("view", id)));
  }

  async image(id: string, index: number): Promise<StoredImage | undefined> {
    const { redisPrefix } = this.options;
    const read = Promise.all([
      this.client.hmget(`${redisPrefix}::job:${id}`, "state", "type", `image:${index}`),
      this.client.getBuffer(`${redisPrefix}::image:${id}:${index}`),
    ]);
    const [[state, contentType, description], bytes] = await this.#answer(read);
    if (state !== "completed" || !contentType || !description || !bytes) return undefined;
    return { bytes, contentType, ...JSON.parse(description) };
  }

  async cancel(id: string, reason: JobError): Promise<GetResult> {
    const { resultTtlMs, maxResultBytes } = this.options;
    return this.#found(
      id,
      await this.#answer(this.scripts.call("cancel", id, JSON.stringify(reason), resultTtlMs, maxResultBytes)),
    );
  }

  async wait(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord | undefined> {
    const watch = this.events.watches.open(id);
    let stopListening = () => {};
    try {
      const changed = new Promise<void>((resolve) => {
        stopListening = watch.listen(() => watch.record && isFinal(watch.record.state) && resolve());
      });
      if (!watch.record) await this.#answer(this.events.read(watch));
      if (!watch.record) return undefined;
      if (!isFinal(watch.record.state) && timeoutMs > 0 && !signal?.aborted)
        await unlessOver(changed, timeoutMs, signal);
      // What was heard of a job that has ended is whole; of another, the position may have changed silently.
      if (!isFinal(watch.record.state) && !(await this.#answer(this.events.read(watch))))
        throw new QueueUnavailable(`Redis has lost the job ${id}: it was emptied, or restarted from an older file.`);
      return watch.record;
    } finally {
      stopListening();
      this.events.watches.release(watch);
    }
  }

  subscribe(id: string, listener: JobListener): () => void {
    return this.events.subscribe(id, listener);
  }

  async stats(): Promise<QueueStats> {
    const [waitingImages, runningImages, queues] = (await this.#answer(this.scripts.call("stats"))) as [
      number,
      number,
      string[],
    ];
    const models = [...new Set(queues.map(modelOf))];
    return { waitingImages, runningImages, maxQueuedImages: this.options.maxQueuedImages, models };
  }

  async status(): Promise<QueueStatus> {
    const reply = (await this.#answer(this.scripts.call("status"))) as StatusReply;
    return { ...readStatus(reply), maxQueuedImages: this.options.maxQueuedImages };
  }

  health(): QueueHealth {
    return this.reachability.health;
  }

  async close(): Promise<void> {
    this.reachability.end();
    this.#endSweeping();
    this.events.close();
    this.fence?.close();
    await this.#tokens.close();
    this.client.disconnect();
  }

  #found(id: string, reply: unknown): GetResult {
    if (reply) return { kind: "found", record: readRecord(reply as ViewReply) };
    return { kind: this.ids.isOwn(id) ? "expired" : "unknown" };
  }

  async #answer<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      throw new QueueUnavailable(`Redis did not answer as it should: ${(error as Error).message}`, { cause: error });
    }
  }
}
