import Type, { type Static, type TSchema } from "typebox";
import type { Preview } from "../../job.js";
import type { ModelRegistry } from "../../model/registry.js";
import { jobResource } from "../resources/job-resource.js";
import type { JobEvent } from "./event-cursor.js";

/** Events on the wire: `text/event-stream`, as the HTML standard has it. */
export const EVENT_STREAM_TYPE = "text/event-stream";

/** How long a client waits before it connects again. */
const RETRY_MS = 2000;

export const STREAM_START = `retry: ${RETRY_MS}\n\n`;
/** Comments: clients skip them. */
export const HEARTBEAT = ": still here\n\n";
export const GOODBYE = ": the server is shutting down; connect again\n\n";

export const ProgressEvent = Type.Object(
  {
    step: Type.Integer({ minimum: 0, description: "Autoregressive steps done, over all images." }),
    of: Type.Integer({ minimum: 1, description: "All of them." }),
  },
  { description: "The data of a `progress` event." },
);

export const PreviewEvent = Type.Object(
  {
    index: Type.Integer({ minimum: 0, description: "Which image, from 0." }),
    step: Type.Integer({ minimum: 0, description: "Autoregressive steps that it has behind it." }),
    of: Type.Integer({ minimum: 1, description: "All of its steps." }),
    content_type: Type.String({ description: "The bytes' media type, such as image/png." }),
    base64: Type.String({ contentEncoding: "base64", description: "The bytes." }),
  },
  { description: "The data of a `preview` event: an image as it was so far." },
);
type PreviewEvent = Static<typeof PreviewEvent>;

/** How the OpenAPI document describes a stream: the fields of each event, and what its data can be once it is parsed. */
export function eventStreamContent(names: readonly string[], data: readonly TSchema[]) {
  const event = Type.Object({
    event: Type.Unsafe<string>({ type: "string", enum: names, description: "Its name." }),
    data: Type.String({ contentMediaType: "application/json", contentSchema: { anyOf: data }, description: "JSON." }),
    id: Type.Optional(Type.String({ description: "For `Last-Event-ID`." })),
    retry: Type.Optional(Type.Integer({ description: "Milliseconds before a client connects again." })),
  });
  return { [EVENT_STREAM_TYPE]: { schema: event } };
}

export function eventText(event: JobEvent, models: ModelRegistry): string {
  const data = event.name === "progress" ? event.data : jobResource(event.record, models);
  return `id: ${event.id}\nevent: ${event.name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Without an id: a preview is no change of the job, and none is sent again. */
export function previewText({ imageIndex, step, of, contentType, bytes }: Preview): string {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  const data: PreviewEvent = { index: imageIndex, step, of, content_type: contentType, base64 };
  return `event: preview\ndata: ${JSON.stringify(data)}\n\n`;
}
