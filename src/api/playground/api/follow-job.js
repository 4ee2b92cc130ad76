// Follows a job's events to its end, across broken connections.
import { markLost, whenBack } from "./connection.js";
import { delay } from "./delay.js";
import { readEvents } from "./event-stream.js";
import { request, requestJson, ServerError, Unreachable } from "./request.js";

const FINAL = new Set(["completed", "failed", "cancelled"]);
const RECONNECT_MS = 500;
const DEFAULT_RETRY_S = 5;

/**
 * Resolves with the final job. `onEvent(name, data)` receives states, `progress` and `preview`. After a broken connection it
 * resumes after the last event it received. Throws the server's error, or the signal's reason.
 */
export async function followJob(job, { onEvent, signal }) {
  const cursor = { lastId: undefined };
  for (;;) {
    try {
      const final = await readUntilFinal(job, cursor, onEvent, signal);
      if (final) return final;
      await delay(RECONNECT_MS, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Unreachable) {
        markLost();
        await whenBack(signal);
      } else if (error instanceof ServerError && error.status === 503) {
        // Too many streams, or an unreachable queue: the job itself goes on, so poll its state.
        await delay((error.retryAfterS ?? DEFAULT_RETRY_S) * 1000, signal);
        const now = await requestJson(job.links.self, { signal }).catch(() => undefined);
        if (now && FINAL.has(now.state)) return now;
      } else {
        throw error;
      }
    }
  }
}

/** Resolves with undefined if the stream ended before the job. */
async function readUntilFinal(job, cursor, onEvent, signal) {
  const headers = { Accept: "text/event-stream", ...(cursor.lastId && { "Last-Event-ID": cursor.lastId }) };
  const response = await request(`${job.links.self}/events?previews=true`, { headers, signal });
  if (response.status === 204) return requestJson(job.links.self, { signal });
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
