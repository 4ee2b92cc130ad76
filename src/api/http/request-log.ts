import type { IncomingHttpHeaders } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Bindings, ChildLoggerOptions } from "pino";
import { readTraceparent, writeTraceparent } from "../../telemetry/trace-context.js";
import type { Tracing } from "../../telemetry/tracing.js";
import type { Api } from "../deps.js";
import { onEnd } from "./on-end.js";
import { routeOf } from "./route-of.js";

declare module "fastify" {
  interface FastifyRequest {
    /** W3C Trace Context for what is done on the request's behalf; undefined where nobody traces. */
    traceparent: string | undefined;
  }
}

/**
 * Reads the caller's `traceparent` and passes it on: to the job, to every log line as `trace_id`, and back as
 * `traceresponse` (W3C Trace Context, level 2). With tracing, the request is a span of that trace, or of a new one.
 */
export function traceRequests(app: Api, tracing: Tracing | undefined): void {
  app.decorateRequest("traceparent", undefined);
  app.addHook("onRequest", async (request, reply) => {
    const parent = readTraceparent(request.headers.traceparent);
    const span = isOfInterest(request) ? tracing?.startRequest(request.method, pathOf(request), parent) : undefined;
    const context = span?.context ?? parent;
    if (!context) return;
    request.traceparent = writeTraceparent(context);
    reply.header("traceresponse", request.traceparent);
    if (!parent) reply.log = request.log = request.log.child({ trace_id: context.traceId });
    if (span) onEnd(reply, (status) => span.end({ ...answerOf(request), status }));
  });
}

/**
 * Names the request and its caller's trace in each of its lines, from the first on, which is written before anything else is
 * done; by the names that the job has them under, and with it the worker's lines.
 */
export function requestLogger(
  this: FastifyInstance,
  logger: FastifyBaseLogger,
  { reqId, ...bindings }: Bindings,
  options: ChildLoggerOptions,
  { headers }: { readonly headers: IncomingHttpHeaders },
): FastifyBaseLogger {
  const trace = readTraceparent(headers.traceparent);
  return logger.child({ request_id: reqId, ...bindings, ...(trace && { trace_id: trace.traceId }) }, options);
}

/** Probes, scrapes and files of pages are not logged, and no more are they traced. */
function isOfInterest({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.logLevel !== "warn";
}

function answerOf(request: FastifyRequest) {
  return { route: routeOf(request), problem: request.problemCode };
}

function pathOf({ url }: FastifyRequest): string {
  return url.split("?", 1)[0]!;
}

/** From here on the request's lines name its job as well: the last of them, which tells the answer, too. */
export function logWithJob(request: FastifyRequest, reply: FastifyReply, job: string): void {
  reply.log = request.log = request.log.child({ job });
}
