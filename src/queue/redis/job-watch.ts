import { isDeepStrictEqual } from "node:util";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { isFinal, type JobRecord, type Preview } from "../../job.js";
import type { JobListener } from "../queue.js";
import type { RedisClient } from "../redis-connection/connection.js";
import type { RedisAccess } from "../redis-connection/start-check.js";
import { subscribe } from "../redis-connection/subscription.js";
import { readRecord, type ViewReply } from "./replies.js";
import type { Scripts } from "./scripts.js";
import { type Watch, Watches } from "./watches.js";

/** How often all watched jobs are read again, in case a message was lost. */
const READ_AGAIN_MS = 10_000;

/** How long one announcement that a job's previews are watched counts; it is repeated while somebody watches. */
export const WATCHED_MS = 6000;

/** The message "id 0 preview index": one of the job's images has a new preview. */
const PREVIEW = "0 preview ";

/** One subscription for the whole process: passes the changes of jobs on to those that follow them here. */
export class JobEvents {
  readonly watches = new Watches();
  readonly #timer: NodeJS.Timeout;
  #subscriber: Redis | undefined;
  /** Those that watch a job's previews, by its id, and the timer that tells the workers so. */
  readonly #previewWatchers = new Map<string, { listeners: Set<(preview: Preview) => void>; timer: NodeJS.Timeout }>();

  private constructor(
    private readonly client: RedisClient,
    private readonly scripts: Scripts,
    private readonly redisPrefix: string,
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => void this.#readAll(), READ_AGAIN_MS).unref();
  }

  static async open(redis: RedisAccess, client: RedisClient, scripts: Scripts, logger: Logger): Promise<JobEvents> {
    const { redisPrefix } = redis;
    const events = new JobEvents(client, scripts, redisPrefix, logger);
    const on = { message: (message: string) => events.#hear(message), renewed: () => void events.#readAll() };
    events.#subscriber = await subscribe(redis, `${redisPrefix}::events`, on, logger);
    return events;
  }

  /** Reads the job into its watch. */
  async read(watch: Watch): Promise<void> {
    const reply = await this.scripts.call("view", watch.id);
    if (reply) watch.set(readRecord(reply as ViewReply));
    else watch.lose();
  }

  subscribe(id: string, listener: JobListener): () => void {
    const watch = this.watches.open(id);
    let due = false;
    let ended = false;
    let reported: JobRecord | undefined;
    const deliver = () => {
      due = false;
      if (ended || !watch.record) return;
      // It may only have been read again.
      if (reported?.seq === watch.record.seq && isDeepStrictEqual(reported, watch.record)) return;
      reported = watch.record;
      try {
        listener.onChange(watch.record);
      } catch (error) {
        this.logger.warn({ err: error }, "A subscriber to a job threw.");
      }
      if (isFinal(watch.record.state)) leave();
    };
    // Changes that come together are reported as one.
    const stopListening = watch.listen(() => {
      if (due) return;
      due = true;
      queueMicrotask(deliver);
    });
    const stopPreviews = listener.onPreview
      ? this.#watchPreviews(id, (preview) => listener.onPreview?.(preview))
      : () => {};
    const leave = () => {
      ended = true;
      stopListening();
      stopPreviews();
      this.watches.release(watch);
    };
    this.read(watch).then(
      () => watch.record ?? leave(),
      (error) => this.logger.debug({ err: error }, "A watched job could not be read; it will be again."),
    );
    return leave;
  }

  close(): void {
    clearInterval(this.#timer);
    this.watches.close();
    this.#subscriber?.disconnect();
  }

  /** Messages are "id seq changes". */
  #hear(message: string): void {
    const space = message.indexOf(" ");
    const watch = this.watches.get(message.slice(0, space));
    if (!watch) return;
    const change = message.slice(space + 1);
    if (change.startsWith(PREVIEW)) void this.#readPreview(watch.id, Number(change.slice(PREVIEW.length)));
    else if (!watch.apply(change)) void this.#readQuietly(watch);
  }

  /** However many watch a job here, one timer tells the workers; returns how to stop. */
  #watchPreviews(id: string, listener: (preview: Preview) => void): () => void {
    let watcher = this.#previewWatchers.get(id);
    if (!watcher) {
      watcher = { listeners: new Set(), timer: setInterval(() => this.#announceWatched(id), WATCHED_MS / 3) };
      this.#previewWatchers.set(id, watcher);
      this.#announceWatched(id);
    }
    const { listeners, timer } = watcher;
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      clearInterval(timer);
      this.#previewWatchers.delete(id);
    };
  }

  #announceWatched(id: string): void {
    const said = this.client
      .pipeline()
      .set(`${this.redisPrefix}::watched:${id}`, 1, "PX", WATCHED_MS)
      .publish(`${this.redisPrefix}::control`, `watched ${id}`)
      .exec();
    said.catch((error) => this.logger.debug({ err: error }, "Interest in previews could not be announced."));
  }

  async #readPreview(id: string, imageIndex: number): Promise<void> {
    if (!this.#previewWatchers.has(id)) return;
    try {
      const key = `${this.redisPrefix}::preview:${id}:${imageIndex}`;
      const [step, of, type, bytes] = await this.client.hmgetBuffer(key, "step", "of", "type", "bytes");
      if (!bytes) return;
      const preview = { imageIndex, step: Number(step), of: Number(of), contentType: String(type), bytes };
      for (const listener of this.#previewWatchers.get(id)?.listeners ?? []) listener(preview);
    } catch (error) {
      this.logger.debug({ err: error }, "A preview could not be read; the next one will be.");
    }
  }

  async #readAll(): Promise<void> {
    await Promise.all(this.watches.unfinished().map((watch) => this.#readQuietly(watch)));
  }

  async #readQuietly(watch: Watch): Promise<void> {
    try {
      await this.read(watch);
    } catch (error) {
      this.logger.debug({ err: error }, "A watched job could not be read; it will be again.");
    }
  }
}
