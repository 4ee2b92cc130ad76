import Type from "typebox";
import { JobState } from "../../job.js";
import { callerOf } from "../access/caller.js";
import type { Api, RouteDeps } from "../deps.js";
import { EventCursor } from "../events/event-cursor.js";
import { EventStreams } from "../events/event-streams.js";
import { EVENT_STREAM_TYPE, eventStreamContent } from "../events/event-text.js";
import { readLastEventId } from "../http/request-headers.js";
import { addStreamMetrics } from "../metrics/http-metrics.js";
import { component, problemResponses } from "../openapi/components.js";
import { findJob } from "../resources/job-resource.js";

/** `GET /jobs/{id}/events`: the job's changes as server-sent events, until it ends. */
export function eventsRoute(app: Api, deps: RouteDeps): void {
  const streams = new EventStreams(deps, deps.limits);
  addStreamMetrics(deps.registry, streams);
  app.addHook("preClose", async () => streams.close());
  app.get("/jobs/:id/events", { schema: eventsSchema }, async (request, reply) => {
    const lastEventId = readLastEventId(request.headers["last-event-id"]);
    const record = await findJob(request.params.id, deps.queue, callerOf(request));
    const cursor = new EventCursor(record, lastEventId);
    reply.header("Cache-Control", "no-store");
    if (cursor.isAtEnd) return reply.code(204).send();
    streams.checkRoom();
    reply.type(EVENT_STREAM_TYPE).header("X-Accel-Buffering", "no");
    if (request.method === "HEAD") return reply.send();
    // Writes past Fastify, which would wait for the whole body or wrap it in another stream.
    reply.hijack();
    reply.raw.writeHead(200, reply.getHeaders() as Record<string, string>);
    if (!reply.raw.destroyed) streams.open(reply.raw, record, cursor, request.query.previews === true);
    return reply;
  });
}

const EVENT_NAMES = [...JobState.anyOf.map((state) => state.const), "progress", "preview"];

const eventsSchema = {
  operationId: "watchJob",
  tags: ["jobs"],
  summary: "A job's changes as they happen: server-sent events",
  description: [
    "Events are named after the job's states; their data is the job as in `GET /jobs/{id}`. `queued` is sent again when",
    "the position changes. `progress` has `{step, of}` over all images. With `?previews=true`, `preview` has",
    "`{index, step, of, content_type, base64}`: the unfinished image `index`, as often as the server can afford.",
    "",
    "The stream carries the current state, not a history: slow readers skip to the latest. It ends after `completed`,",
    "`failed` or `cancelled`. A client that reconnects with `Last-Event-ID`, as browsers do by themselves, gets what is",
    "newer, or 204 if it had received the last event.",
  ].join("\n"),
  params: Type.Object({ id: Type.String({ description: "The job's id." }) }),
  querystring: Type.Object(
    { previews: Type.Optional(Type.Boolean({ description: "Whether to send previews; false when absent." })) },
    { additionalProperties: false },
  ),
  headers: Type.Object({
    "Last-Event-ID": Type.Optional(Type.String({ description: "The `id` of the last event received." })),
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
    204: Type.Unsafe<undefined>({ type: "null", description: "`Last-Event-ID` is the final event; nothing follows." }),
    ...problemResponses(
      "invalid_request",
      "job_not_found",
      "job_expired",
      "job_lost",
      "too_many_streams",
      "queue_unavailable",
      "shutting_down",
    ),
  },
};
