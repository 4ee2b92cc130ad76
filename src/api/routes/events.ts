import type { FastifyReply } from "fastify";
import { Problem } from "../../errors.js";
import { principalOf } from "../access/principal.js";
import type { Api, ApiDeps } from "../deps.js";
import { EventCursor } from "../events/event-cursor.js";
import { EventStreams } from "../events/event-streams.js";
import { EVENT_STREAM_TYPE } from "../events/event-text.js";
import type { HttpLimits } from "../http/limits.js";
import { addStreamMetrics } from "../metrics/stream-metrics.js";
import { findJob } from "../resources/job-lookup.js";
import { eventsSchema } from "./events-schema.js";

/** `GET /jobs/{id}/events`: the job's changes as server-sent events, until it ends. */
export function eventsRoute(app: Api, deps: ApiDeps, limits: HttpLimits): void {
  const streams = new EventStreams(deps, limits);
  addStreamMetrics(deps.registry, streams);
  app.addHook("preClose", async () => streams.close());
  app.get("/jobs/:id/events", { schema: eventsSchema }, async (request, reply) => {
    const lastEventId = readLastEventId(request.headers["last-event-id"]);
    const record = await findJob(request.params.id, deps.queue, principalOf(request));
    const cursor = new EventCursor(record, lastEventId);
    reply.header("Cache-Control", "no-store");
    if (cursor.isAtEnd) return reply.code(204).send();
    streams.checkRoom();
    reply.type(EVENT_STREAM_TYPE).header("X-Accel-Buffering", "no");
    if (request.method === "HEAD") return reply.send();
    startStream(reply);
    if (!reply.raw.destroyed) streams.open(reply.raw, record, cursor, request.query.previews === true);
    return reply;
  });
}

/** Sends the head past Fastify, which would wait for the whole body or wrap it into one stream more. */
function startStream(reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(200, reply.getHeaders() as Record<string, string>);
}

/** The id of the event that the client had last; undefined where it had none. Throws `invalid_request`. */
function readLastEventId(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (typeof header === "string" && /^\d{1,15}$/.test(header)) return Number(header);
  const message = "must be the id of an event of this stream";
  throw new Problem("invalid_request", `The Last-Event-ID header ${message}.`, {
    errors: [{ pointer: "/last-event-id", message }],
  });
}
