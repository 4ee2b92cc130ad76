import Type, { type Static, type TSchema } from "typebox";
import type { Preview } from "../../job.js";
import type { ApiDeps } from "../deps.js";
import { jobResource } from "../resources/job-resource.js";
import type { JobEvent } from "./event-cursor.js";

/** Events as text: `text/event-stream` of the HTML standard. */
export const EVENT_STREAM_TYPE = "text/event-stream";

/** How long a client waits before it reconnects. */
const RETRY_MS = 2000;

export const STREAM_START = `retry: ${RETRY_MS}\n\n`;
/** Comments, which clients skip. */
export const HEARTBEAT = ": heartbeat\n\n";
export const GOODBYE = ": the server is shutting down; reconnect\n\n";

export const ProgressEvent = Type.Object(
  {
    step: Type.Integer({ minimum: 0, description: "Autoregressive steps done, over all images." }),
    of: Type.Integer({ minimum: 1, description: "Autoregressive steps in total." }),
  },
  { description: "The data of a `progress` event." },
);

export const PreviewEvent = Type.Object(
  {
    index: Type.Integer({ minimum: 0, description: "Index of the image, from 0." }),
    step: Type.Integer({ minimum: 0, description: "Autoregressive steps done." }),
    of: Type.Integer({ minimum: 1, description: "Autoregressive steps in total." }),
    content_type: Type.String({ description: "The bytes' media type, such as image/png." }),
    base64: Type.String({ contentEncoding: "base64", description: "The bytes." }),
  },
  { description: "The data of a `preview` event: an unfinished image." },
);
type PreviewEvent = Static<typeof PreviewEvent>;

/** The OpenAPI description of a stream: the fields of its events, and the schemas of their parsed data. */
export function eventStreamContent(names: readonly string[], data: readonly TSchema[]) {
  const event = Type.Object({
    event: Type.Unsafe<string>({ type: "string", enum: names, description: "The event's name." }),
    data: Type.String({ contentMediaType: "application/json", contentSchema: { anyOf: data }, description: "JSON." }),
    id: Type.Optional(Type.String({ description: "For `Last-Event-ID`." })),
    retry: Type.Optional(Type.Integer({ description: "Milliseconds to wait before reconnecting." })),
  });
  return { [EVENT_STREAM_TYPE]: { schema: event } };
}

export function eventText(event: JobEvent, deps: Pick<ApiDeps, "config" | "models">): string {
  const data = event.name === "progress" ? event.data : jobResource(event.record, deps);
  return `id: ${event.id}\nevent: ${event.name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Without an id: a preview does not change the job and is never sent again. */
export function previewText({ imageIndex, step, of, contentType, bytes }: Preview): string {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  const data: PreviewEvent = { index: imageIndex, step, of, content_type: contentType, base64 };
  return `event: preview\ndata: ${JSON.stringify(data)}\n\n`;
}
