import type { Preview } from "../../job.js";
import type { ModelRegistry } from "../../model/registry.js";
import { jobResource } from "../job-resource.js";
import type { JobEvent } from "./event-cursor.js";

/** Events on the wire: `text/event-stream`, as the HTML standard has it. */
export const EVENT_STREAM_TYPE = "text/event-stream";

/** How long a client waits before it connects again. */
const RETRY_MS = 2000;

export const STREAM_START = `retry: ${RETRY_MS}\n\n`;
/** Comments: clients skip them. */
export const HEARTBEAT = ": still here\n\n";
export const GOODBYE = ": the server is shutting down; connect again\n\n";

export function eventText(event: JobEvent, models: ModelRegistry): string {
  const data = event.name === "progress" ? event.data : jobResource(event.record, models);
  return `id: ${event.id}\nevent: ${event.name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Without an id: a preview is no change of the job, and none is sent again. */
export function previewText({ imageIndex, step, of, contentType, bytes }: Preview): string {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  const data = { index: imageIndex, step, of, content_type: contentType, base64 };
  return `event: preview\ndata: ${JSON.stringify(data)}\n\n`;
}
