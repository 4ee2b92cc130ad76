import Type from "typebox";
import { JobState } from "../../job.js";
import { eventStreamContent } from "../events/event-text.js";
import { component, problemResponses } from "../openapi/components.js";

const EVENT_NAMES = [...JobState.anyOf.map((state) => state.const), "progress", "preview"];

/** How the OpenAPI document describes `GET /jobs/{id}/events`. */
export const eventsSchema = {
  operationId: "watchJob",
  tags: ["jobs"],
  summary: "A job's changes as they happen: server-sent events",
  description: [
    "Events are named after the job's states; their data is the job as `GET /jobs/{id}` shows it. `queued` comes again",
    "when the position has changed. `progress` has `{step, of}` over all images. With `?previews=true`, `preview` has",
    "`{index, step, of, content_type, base64}`: a picture of what image `index` is so far, as often as the server can afford.",
    "",
    "The stream tells the newest state, not every one: whoever reads slowly skips steps. It ends after `completed`, `failed`",
    "or `cancelled`. A client that connects again with `Last-Event-ID`, as browsers do by themselves, gets what is newer,",
    "and 204 when it had the last event.",
  ].join("\n"),
  params: Type.Object({ id: Type.String({ description: "The job's id." }) }),
  querystring: Type.Object(
    { previews: Type.Optional(Type.Boolean({ description: "Whether to send previews; false when absent." })) },
    { additionalProperties: false },
  ),
  headers: Type.Object({
    "Last-Event-ID": Type.Optional(Type.String({ description: "The `id` of the event that was received last." })),
  }),
  response: {
    200: Type.Unsafe<unknown>({
      description: "The events, until the job has ended.",
      headers: { "X-Accel-Buffering": { type: "string", description: "Always `no`: proxies pass events on at once." } },
      content: eventStreamContent(EVENT_NAMES, [
        component("Job"),
        component("ProgressEvent"),
        component("PreviewEvent"),
      ]),
    }),
    204: Type.Unsafe<unknown>({ description: "`Last-Event-ID` is the final event: there is nothing more to tell." }),
    ...problemResponses(
      "invalid_request",
      "job_not_found",
      "job_expired",
      "too_many_streams",
      "queue_unavailable",
      "shutting_down",
    ),
  },
};
