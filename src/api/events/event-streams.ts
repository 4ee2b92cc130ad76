import type { ServerResponse } from "node:http";
import { Problem } from "../../errors.js";
import type { JobRecord } from "../../job.js";
import type { GetResult } from "../../queue/queue.js";
import type { ApiDeps } from "../deps.js";
import type { HttpLimits } from "../http/limits.js";
import type { EventCursor } from "./event-cursor.js";
import { EventStream } from "./event-stream.js";

/** Jobs looked at in one check: with more of them waiting, each is looked at less often. */
const LOOKS_PER_CHECK = 256;

/** All event streams of the process. They share one timer, and one look at a job serves all that watch it. */
export class EventStreams {
  /** Those looked at last come last. */
  readonly #open = new Set<EventStream>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isClosed = false;

  constructor(
    private readonly deps: Pick<ApiDeps, "config" | "queue" | "models" | "readiness" | "logger">,
    private readonly limits: HttpLimits,
  ) {}

  get size(): number {
    return this.#open.size;
  }

  /** Throws `too_many_streams` or `shutting_down` where there is no room for another one. */
  checkRoom(): void {
    const headers = { "Retry-After": "10" };
    if (this.#isClosed) throw new Problem("shutting_down", "The server is shutting down.", { headers });
    if (this.#open.size < this.limits.eventStreams) return;
    const detail = `At most ${this.limits.eventStreams} event streams are open at once; ask for the job itself meanwhile.`;
    throw new Problem("too_many_streams", detail, { headers });
  }

  /** Tells the client of the job until the job ends or the client leaves; the response's head has been written. */
  open(response: ServerResponse, record: JobRecord, cursor: EventCursor, withPreviews: boolean): void {
    const stream = new EventStream(response, cursor, record, this.deps.models);
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

  /** Ends all streams; their clients connect again, elsewhere or later. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.closeDown();
  }

  #check(): void {
    // Jobs in Redis outlive this process: who watches them goes on elsewhere, and need not hold up its end.
    const goOnElsewhere = this.deps.readiness().shuttingDown && this.deps.config.redisUrl !== undefined;
    if (goOnElsewhere) this.close();
    const nowMs = performance.now();
    for (const stream of this.#open) stream.check(nowMs, this.limits);
    void this.#look(nowMs);
  }

  async #look(nowMs: number): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const looks = Array.from(this.#dueByJob(nowMs), async ([id, streams]) => {
      const result = await this.#find(id);
      for (const stream of streams) tell(stream, result);
    });
    await Promise.all(looks);
    this.#isLooking = false;
  }

  #dueByJob(nowMs: number): Map<string, EventStream[]> {
    const due = new Map<string, EventStream[]>();
    for (const stream of [...this.#open]) {
      if (!stream.isDue(nowMs, this.limits)) continue;
      const others = due.get(stream.jobId);
      if (!others && due.size === LOOKS_PER_CHECK) continue;
      if (others) others.push(stream);
      else due.set(stream.jobId, [stream]);
      stream.markLookedAt(nowMs);
      this.#open.delete(stream);
      this.#open.add(stream);
    }
    return due;
  }

  /** Undefined where the queue does not say: the stream waits for better times. */
  async #find(id: string): Promise<GetResult | undefined> {
    const { queue, logger } = this.deps;
    try {
      return await queue.get(id);
    } catch (error) {
      logger.debug({ job: id, err: error }, "a watched job could not be looked at");
      return undefined;
    }
  }
}

function tell(stream: EventStream, result: GetResult | undefined): void {
  if (result?.kind === "found") stream.change(result.record);
  else if (result) stream.end();
}
