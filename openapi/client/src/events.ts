import { createParser, type EventSourceMessage } from "eventsource-parser";
import { fromBase64 } from "./base64.js";
import type { Http } from "./http.js";
import { MarimbaProblem } from "./problem.js";
import { backoff, sleep } from "./retry.js";
import type { components } from "./schema.js";
import type { EventOptions, Job, JobEvent, JobState } from "./types.js";

const FINAL: ReadonlySet<string> = new Set<JobState>(["completed", "failed", "cancelled"]);

export function isFinal(state: string): boolean {
  return FINAL.has(state);
}

/**
 * A job's changes as they happen, until it ends. A broken connection is resumed where it broke (`Last-Event-ID`), so no event
 * comes twice. Throws `MarimbaProblem` or the signal's reason.
 */
export async function* jobEvents(
  http: Http,
  id: string,
  { previews = false, signal }: EventOptions = {},
): AsyncGenerator<JobEvent, void, undefined> {
  const place: Place = { lastEventId: undefined, reconnectMs: 1000 };
  for (let failures = 0; ; failures++) {
    try {
      for await (const event of connection(http, id, place, previews, signal)) {
        failures = 0;
        yield event;
        if (isFinal(event.type)) return;
      }
      if (place.isAtEnd) return;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof MarimbaProblem || failures >= (http.retry.retries ?? 4)) throw error;
    }
    await sleep(failures === 0 ? place.reconnectMs : backoff(failures, place.reconnectMs), signal);
  }
}

interface Place {
  lastEventId: string | undefined;
  /** As the server asks. */
  reconnectMs: number;
  /** Whether the server said that the last event was the final one. */
  isAtEnd?: boolean;
}

async function* connection(
  http: Http,
  id: string,
  place: Place,
  previews: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobEvent, void, undefined> {
  const response = await http.send(`jobs/${encodeURIComponent(id)}/events`, {
    ...(previews && { query: { previews: "true" } }),
    headers: {
      Accept: "text/event-stream",
      ...(place.lastEventId !== undefined && { "Last-Event-ID": place.lastEventId }),
    },
    signal,
  });
  if (response.status === 204) place.isAtEnd = true;
  if (response.status === 204 || !response.body) return;
  const messages: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (message) => messages.push(message),
    onRetry: (ms) => {
      place.reconnectMs = ms;
    },
  });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      for (const message of messages.splice(0)) {
        const event = readEvent(message);
        // Noted before the event is yielded: a caller that stops here has received it.
        place.lastEventId = message.id ?? place.lastEventId;
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Undefined for an event of a newer server that this client does not know. */
function readEvent({ event, data }: EventSourceMessage): JobEvent | undefined {
  switch (event) {
    case "queued":
    case "running":
    case "completed":
    case "failed":
    case "cancelled":
      return { type: event, job: JSON.parse(data) as Job };
    case "progress":
      return { type: event, progress: JSON.parse(data) };
    case "preview": {
      const { base64, content_type, ...rest } = JSON.parse(data) as components["schemas"]["PreviewEvent"];
      return { type: event, preview: { ...rest, contentType: content_type, bytes: fromBase64(base64) } };
    }
  }
  return undefined;
}
