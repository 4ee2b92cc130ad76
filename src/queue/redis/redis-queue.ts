import { createHash, randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { isFinal, type JobError, type JobRecord, type NewJob, type StoredImage } from "../../job.js";
import { JobIds } from "../job-ids.js";
import {
  type CallerLimits,
  type GetResult,
  type Idempotency,
  type JobListener,
  type JobPage,
  type JobQueue,
  type ListQuery,
  type QueueHealth,
  type QueueStats,
  type QueueStatus,
  QueueUnavailable,
  type SubmitResult,
  type WebhookOutbox,
} from "../queue.js";
import type { RedisClient } from "../redis-connection/connection.js";
import { DurableFence } from "../redis-connection/durable-fence.js";
import { RedisHealth } from "../redis-connection/redis-health.js";
import { checkRedis, type RedisAccess } from "../redis-connection/start-check.js";
import { waitUntil } from "../wait-until.js";
import { ClockSkew } from "./clock-skew.js";
import { JobEvents } from "./job-watch.js";
import { Leases } from "./leases.js";
import {
  modelOf,
  queueName,
  readRecord,
  readStatus,
  readSubmit,
  type StatusReply,
  type SubmitReply,
  type ViewReply,
} from "./replies.js";
import { Scripts } from "./scripts.js";
import { startSweeping } from "./sweeper.js";
import { UnconfirmedSubmits } from "./unconfirmed-submits.js";
import type { Watch } from "./watches.js";
import { RedisWebhookOutbox } from "./webhook-outbox.js";

const COMMAND_TIMEOUT_MS = 5000;

export interface RedisQueueOptions {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  /** Images that may wait, over all models. */
  readonly maxQueuedImages: number;
  readonly resultTtlMs: number;
  readonly maxResultBytes: number;
  /** Bytes of the canvases of all unfinished jobs. */
  readonly maxCanvasBytes: number;
  /** Whether a job is accepted only once Redis has written it to disk. */
  readonly acceptDurable: boolean;
}

/** Checks that Redis is fit for a queue and opens the API's side of it; rejects with `QueueStartError`. */
export async function openRedisQueue(options: RedisQueueOptions, logger: Logger): Promise<JobQueue> {
  const redis = await checkRedis(options, logger);
  return redis.starting(() => open(redis, options, logger));
}

async function open(redis: RedisAccess, options: RedisQueueOptions, logger: Logger): Promise<JobQueue> {
  const { redisPrefix } = redis;
  const redisHealth = new RedisHealth(redisPrefix, logger, options.acceptDurable);
  const client = redis.connect({ commandTimeout: COMMAND_TIMEOUT_MS, maxRetriesPerRequest: 1 });
  redisHealth.follow(client);
  const ids = new JobIds(await sharedSecret(client, redisPrefix));
  const fence = options.acceptDurable ? DurableFence.open(redis, logger) : undefined;
  await fence?.prove();
  // From here on a call that can't be answered fails at once.
  client.options.enableOfflineQueue = false;
  const scripts = new Scripts(client, redisPrefix);
  const events = await JobEvents.open(redis, client, scripts, logger);
  return new RedisQueue({ ...options, redisPrefix }, client, scripts, events, ids, fence, redisHealth, logger);
}

/**
 * Kept in Redis, so that every process of the queue issues ids with the same signature. A Redis that was emptied gets another
 * one, by which the ids of the jobs that it lost are recognised.
 */
async function sharedSecret(client: RedisClient, redisPrefix: string): Promise<Uint8Array> {
  const key = `${redisPrefix}::secret`;
  const known = await client.get(key);
  if (known) return Buffer.from(known, "hex");
  await client.set(key, randomBytes(32).toString("hex"), "NX");
  return Buffer.from((await client.get(key))!, "hex");
}

const UNCONFIRMED: JobError = {
  code: "job_cancelled",
  detail: "The job was accepted, but its client got an error because Redis did not confirm it.",
};

class RedisQueue implements JobQueue {
  readonly webhooks: WebhookOutbox;
  readonly #leases: Leases;
  readonly #skew: ClockSkew;
  readonly #stopSweeping: () => void;
  readonly #unconfirmed: UnconfirmedSubmits;

  constructor(
    private readonly options: RedisQueueOptions,
    private readonly client: RedisClient,
    private readonly scripts: Scripts,
    private readonly events: JobEvents,
    private readonly ids: JobIds,
    private readonly fence: DurableFence | undefined,
    private readonly redisHealth: RedisHealth,
    logger: Logger,
  ) {
    this.#leases = new Leases(client, options.redisPrefix, logger);
    this.#skew = new ClockSkew(scripts, logger);
    void this.#skew.look();
    this.webhooks = new RedisWebhookOutbox(scripts, (reply) => this.#answer(reply));
    this.#unconfirmed = new UnconfirmedSubmits(client, (id) => this.cancel(id, UNCONFIRMED));
    this.#stopSweeping = startSweeping(scripts, this.#leases, options, logger, redisHealth);
  }

  newId(): string {
    return this.ids.next();
  }

  async submit(
    spec: NewJob,
    idempotency?: Idempotency,
    limits?: CallerLimits,
    canvas?: Uint8Array,
  ): Promise<SubmitResult> {
    const { unfitness } = this.redisHealth;
    if (unfitness) throw new QueueUnavailable(unfitness);
    const watch = this.events.watches.hold(spec.id);
    try {
      return await this.#answer(this.#submit(watch, spec, idempotency, limits, canvas));
    } catch (error) {
      this.events.watches.drop(watch);
      // Perhaps it was accepted all the same; with an idempotency key the client can come back for it.
      if (!idempotency) this.#unconfirmed.add(spec.id);
      throw error;
    }
  }

  async #submit(
    watch: Watch,
    { deadline_ms, ...spec }: NewJob,
    idempotency: Idempotency | undefined,
    limits: CallerLimits | undefined,
    canvas: Uint8Array | undefined,
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
      deadline_ms ?? "",
      this.options.maxQueuedImages,
      key,
      idempotency?.bodyHash ?? "",
      limits?.imagesPerMinute ?? "",
      limits?.concurrentImages ?? "",
      spec.webhook_url === undefined ? "" : 1,
      canvas ? Buffer.from(canvas.buffer, canvas.byteOffset, canvas.byteLength) : "",
      this.options.maxCanvasBytes,
    );
    const result = readSubmit(reply as SubmitReply);
    if (result.kind === "accepted") {
      void this.#leases.add(queue, spec.num_images);
      watch.set(result.record);
    } else this.events.watches.drop(watch);
    if (result.kind === "accepted" || result.kind === "existing") await this.fence?.passed();
    return result;
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

  async list(caller: string, { state, after, limit }: ListQuery): Promise<JobPage> {
    const call = this.scripts.call("list", caller, state ?? "", after?.accepted_at ?? "", after?.id ?? "", limit);
    const [views, hasMore] = (await this.#answer(call)) as [ViewReply[], number];
    return { records: views.map(readRecord), hasMore: hasMore === 1 };
  }

  async delete(id: string): Promise<void> {
    await this.#answer(this.scripts.call("delete", id));
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
        await waitUntil(changed, timeoutMs, signal);
      // The record of a job that has ended is complete; the position of another may have changed silently.
      if (!isFinal(watch.record.state)) await this.#answer(this.events.read(watch));
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
    const paused = await this.#answer(this.#leases.paused(reply[0].map(([queue]) => queue)));
    return { ...readStatus(reply, paused), maxQueuedImages: this.options.maxQueuedImages };
  }

  health(): QueueHealth {
    return this.redisHealth.health;
  }

  async close(): Promise<void> {
    this.redisHealth.end();
    this.#skew.end();
    this.#stopSweeping();
    this.events.close();
    this.fence?.close();
    await this.#leases.close();
    this.client.disconnect();
  }

  async #found(id: string, reply: unknown): Promise<GetResult> {
    if (reply) return { kind: "found", record: readRecord(reply as ViewReply) };
    this.events.watches.get(id)?.lose();
    this.ids.renew(await this.#answer(sharedSecret(this.client, this.options.redisPrefix)));
    if (this.ids.isOwn(id)) return { kind: "expired" };
    return { kind: this.ids.wasOwn(id) ? "lost" : "unknown" };
  }

  async #answer<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      throw new QueueUnavailable(`Redis did not answer as it should: ${(error as Error).message}`, { cause: error });
    }
  }
}
