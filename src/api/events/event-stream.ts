import type { ServerResponse } from "node:http";
import { isFinal, type JobRecord, type Preview } from "../../job.js";
import { lostRecord } from "../../queue/queue.js";
import type { ApiDeps } from "../deps.js";
import type { HttpLimits } from "../http/limits.js";
import type { EventCursor } from "./event-cursor.js";
import { eventText, GOODBYE, HEARTBEAT, previewText, STREAM_START } from "./event-text.js";

/**
 * One client's open stream. While its socket is blocked, only the newest record and the newest preview are kept, so a slow
 * reader costs at most one event of each kind.
 */
export class EventStream {
  #newest: JobRecord;
  #preview: Preview | undefined;
  /** Since when the socket is blocked, by the monotonic clock; undefined while it is not. */
  #blockedSinceMs: number | undefined;
  #lastWriteMs = 0;
  #readAtMs = performance.now();
  #isEnded = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly cursor: EventCursor,
    record: JobRecord,
    private readonly deps: Pick<ApiDeps, "config" | "models">,
  ) {
    this.#newest = record;
    response.on("drain", () => {
      this.#blockedSinceMs = undefined;
      this.#flush();
    });
    this.#flush(STREAM_START);
  }

  get jobId(): string {
    return this.#newest.spec.id;
  }

  change(record: JobRecord): void {
    if (record.seq < this.#newest.seq) return;
    this.#newest = record;
    this.#flush();
  }

  preview(preview: Preview): void {
    // After the last step the preview would be the image itself.
    if (preview.step >= preview.of) return;
    this.#preview = preview;
    this.#flush();
  }

  /** Whether it is time to read the job: its position changes without a message, and messages can be lost. */
  isDue(nowMs: number, { streamCheckMs, heartbeatMs }: HttpLimits): boolean {
    if (this.#isEnded || this.#blockedSinceMs !== undefined) return false;
    return nowMs - this.#readAtMs >= (this.#newest.state === "queued" ? streamCheckMs : heartbeatMs);
  }

  markRead(nowMs: number): void {
    this.#readAtMs = nowMs;
  }

  /** Sends a heartbeat after a silence; drops a stalled reader. */
  check(nowMs: number, { heartbeatMs, stalledReaderMs }: HttpLimits): void {
    if (this.#blockedSinceMs !== undefined) {
      if (nowMs - this.#blockedSinceMs >= stalledReaderMs) this.drop();
    } else if (nowMs - this.#lastWriteMs >= heartbeatMs) {
      this.#write(HEARTBEAT);
    }
  }

  /** The job no longer exists: this ends the stream as a failure would. A client that reconnects gets a 404 or 410. */
  lose(): void {
    this.change(lostRecord(this.#newest));
  }

  /** Ends the stream before the job ends, with a comment to a reader that is not blocked. */
  closeDown(): void {
    if (this.#blockedSinceMs === undefined) {
      this.#write(GOODBYE);
      this.#end();
    } else if (!this.#isEnded) {
      this.drop();
    }
  }

  drop(): void {
    this.#isEnded = true;
    this.response.destroy();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // Until the socket has sent the rest, the reader may still stall.
    this.#blockedSinceMs ??= performance.now();
    this.response.end();
  }

  #flush(before = ""): void {
    if (this.#blockedSinceMs !== undefined) return;
    const events = this.cursor.advance(this.#newest);
    const text = before + events.map((event) => eventText(event, this.deps)).join("");
    if (text !== "") this.#write(text);
    const preview = this.#preview;
    if (isFinal(this.#newest.state)) {
      this.#end();
    } else if (preview && this.#blockedSinceMs === undefined) {
      this.#preview = undefined;
      this.#write(previewText(preview));
    }
  }

  #write(text: string): void {
    if (this.#isEnded || this.response.destroyed) return;
    this.#lastWriteMs = performance.now();
    if (!this.response.write(text)) this.#blockedSinceMs = this.#lastWriteMs;
  }
}
