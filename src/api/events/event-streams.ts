import type { ServerResponse } from "node:http";
import { Problem } from "../../errors.js";
import type { JobRecord } from "../../job.js";
import type { GetResult } from "../../queue/queue.js";
import type { ApiDeps } from "../deps.js";
import type { HttpLimits } from "../http/limits.js";
import type { EventCursor } from "./event-cursor.js";
import { EventStream } from "./event-stream.js";

/** Jobs read in one check; with more jobs than that, each is read less often. */
const READS_PER_CHECK = 256;

/** All event streams of the process. They share one timer, and one read of a job serves all its streams. */
export class EventStreams {
  /** Ordered by when their jobs were last read. */
  readonly #open = new Set<EventStream>();
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;
  #isClosed = false;

  constructor(
    private readonly deps: Pick<ApiDeps, "config" | "queue" | "models" | "readiness" | "logger">,
    private readonly limits: HttpLimits,
  ) {}

  get size(): number {
    return this.#open.size;
  }

  /** Throws `too_many_streams` or `shutting_down` if no further stream can be opened. */
  checkRoom(): void {
    const headers = { "Retry-After": "10" };
    if (this.#isClosed) throw new Problem("shutting_down", "The server is shutting down.", { headers });
    if (this.#open.size < this.limits.eventStreams) return;
    const detail = `At most ${this.limits.eventStreams} event streams may be open at once; poll the job instead.`;
    throw new Problem("too_many_streams", detail, { headers });
  }

  /** Streams the job's events until the job ends or the client disconnects. The response's head must have been written. */
  open(response: ServerResponse, record: JobRecord, cursor: EventCursor, withPreviews: boolean): void {
    const stream = new EventStream(response, cursor, record, this.deps);
    this.#open.add(stream);
    this.#timer ??= setInterval(() => this.#check(), this.limits.streamCheckMs).unref();
    const onChange = (newer: JobRecord) => stream.change(newer);
    const unsubscribe = this.deps.queue.subscribe(
      record.spec.id,
      withPreviews ? { onChange, onPreview: (preview) => stream.preview(preview) } : { onChange },
    );
    response.on("error", () => stream.drop());
    response.once("close", () => {
      unsubscribe();
      this.#open.delete(stream);
      if (this.#open.size === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    });
  }

  /** Ends all streams; their clients reconnect, to another process or later. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.closeDown();
  }

  #check(): void {
    // Jobs in Redis outlive this process, so their streams need not delay its shutdown: clients reconnect elsewhere.
    if (this.deps.readiness().shuttingDown && this.deps.config.redisUrl !== undefined) this.close();
    const nowMs = performance.now();
    for (const stream of this.#open) stream.check(nowMs, this.limits);
    void this.#readDue(nowMs);
  }

  async #readDue(nowMs: number): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const reads = Array.from(this.#dueByJob(nowMs), async ([id, streams]) => {
      const result = await this.#find(id);
      for (const stream of streams) {
        if (result?.kind === "found") stream.change(result.record);
        else if (result) stream.lose();
      }
    });
    await Promise.all(reads);
    this.#isReading = false;
  }

  #dueByJob(nowMs: number): Map<string, EventStream[]> {
    const due = new Map<string, EventStream[]>();
    for (const stream of [...this.#open]) {
      if (!stream.isDue(nowMs, this.limits)) continue;
      const others = due.get(stream.jobId);
      if (!others && due.size === READS_PER_CHECK) continue;
      if (others) others.push(stream);
      else due.set(stream.jobId, [stream]);
      stream.markRead(nowMs);
      this.#open.delete(stream);
      this.#open.add(stream);
    }
    return due;
  }

  /** Undefined if the queue is not reachable; the stream then waits for the next check. */
  async #find(id: string): Promise<GetResult | undefined> {
    const { queue, logger } = this.deps;
    try {
      return await queue.get(id);
    } catch (error) {
      logger.debug({ job: id, err: error }, "could not read a watched job");
      return undefined;
    }
  }
}
