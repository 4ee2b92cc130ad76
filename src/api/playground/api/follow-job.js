// Follows a job to its end, across broken connections: by its events, or by polling while this page may not stream.
import { markLost, whenBack } from "./connection.js";
import { delay } from "./delay.js";
import { readEvents } from "./event-stream.js";
import { jobPath, request, requestJson, ServerError, Unreachable } from "./request.js";
import { whileStreaming } from "./stream-turn.js";

const FINAL = new Set(["completed", "failed", "cancelled"]);
const POLL_MS = 1000;
const DEFAULT_RETRY_S = 5;
/** A stream that is alive has a heartbeat every 15 s. */
const SILENCE_MS = 25_000;

/**
 * Resolves with the final job. `onEvent(name, data)` receives states, `progress` and `preview`. After a broken connection it
 * resumes after the last event it received. Throws the server's error, or the signal's reason.
 */
export async function followJob(job, { onEvent, signal }) {
  const cursor = { lastId: undefined };
  for (;;) {
    try {
      const streamed = await whileStreaming((turn) => readUntilFinal(job, cursor, onEvent, turn), signal);
      const final = streamed ?? (await poll(job, onEvent, signal));
      if (final) return final;
      await delay(POLL_MS, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Unreachable) {
        markLost();
        await whenBack(signal);
      } else if (error instanceof ServerError && error.status === 503) {
        // Too many streams, or an unreachable queue: the job itself goes on.
        await delay((error.retryAfterS ?? DEFAULT_RETRY_S) * 1000, signal);
        const final = await poll(job, onEvent, signal).catch(() => undefined);
        if (final) return final;
      } else {
        throw error;
      }
    }
  }
}

/** Resolves with the job if it has ended. */
async function poll(job, onEvent, signal) {
  const now = await requestJson(jobPath(job), { signal });
  if (FINAL.has(now.state)) return now;
  onEvent(now.state, now);
  if (now.progress) onEvent("progress", now.progress);
  return undefined;
}

/** Resolves with undefined if the stream ended before the job. */
async function readUntilFinal(job, cursor, onEvent, signal) {
  const headers = { Accept: "text/event-stream", ...(cursor.lastId && { "Last-Event-ID": cursor.lastId }) };
  const response = await request(`${jobPath(job)}/events?previews=true`, { headers, signal, silenceMs: SILENCE_MS });
  if (response.status === 204) return undefined;
  try {
    for await (const { id, name, data } of readEvents(response.body)) {
      if (id) cursor.lastId = id;
      const value = JSON.parse(data);
      onEvent(name, value);
      if (FINAL.has(name)) return value;
    }
  } catch (error) {
    // The reader throws a TypeError when the connection breaks; the next attempt shows whether the server is gone.
    if (!(error instanceof TypeError)) throw error;
  }
  return undefined;
}
