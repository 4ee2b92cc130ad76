import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Bindings, ChildLoggerOptions } from "pino";
import { PROBLEMS } from "../../errors.js";
import { readTraceparent, writeTraceparent } from "../../telemetry/trace-context.js";
import type { Tracing } from "../../telemetry/tracing.js";
import type { Api } from "../deps.js";
import { routeOf } from "./known-paths.js";

/** What a request leaves in logs, traces and metrics: its id, its trace, its job and its end. */

declare module "fastify" {
  interface FastifyRequest {
    /** W3C Trace Context to pass on to the job; undefined without a trace. */
    traceparent: string | undefined;
  }
}

/** The caller's `X-Request-Id`, if it fits into a log and a header unchanged; otherwise a new one. */
export function requestId({ headers }: { headers: IncomingHttpHeaders }): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
}

/** Adds the request's id and trace to each of its log lines, under the names that the worker's lines use too. */
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

/** Adds the job to the request's log lines from here on, the one about the response included. */
export function logWithJob(request: FastifyRequest, reply: FastifyReply, job: string): void {
  reply.log = request.log = request.log.child({ job });
}

/**
 * Reads the caller's `traceparent` and passes it on: to the job, to every log line as `trace_id`, and back as
 * `traceresponse` (W3C Trace Context, level 2). With tracing, the request is a span of that trace or of a new one.
 */
export function traceRequests(app: Api, tracing: Tracing | undefined): void {
  app.decorateRequest("traceparent", undefined);
  app.addHook("onRequest", async (request, reply) => {
    const parent = readTraceparent(request.headers.traceparent);
    // What is not logged, such as probes, scrapes and a page's files, is not traced either.
    const isTraced = request.routeOptions.logLevel !== "warn";
    const path = request.url.split("?", 1)[0]!;
    const span = isTraced ? tracing?.startRequest(request.method, path, parent) : undefined;
    const context = span?.context ?? parent;
    if (!context) return;
    request.traceparent = writeTraceparent(context);
    reply.header("traceresponse", request.traceparent);
    if (!parent) reply.log = request.log = request.log.child({ trace_id: context.traceId });
    if (span) onEnd(reply, (status) => span.end({ route: routeOf(request), problem: request.problemCode, status }));
  });
}

/** nginx's status for a client that disconnected before the response began. */
const DISCONNECTED_STATUS = 499;

/**
 * Calls back once, when the response is sent or the client is gone, with the response's status. A stream that fails after
 * its 200 was sent has the status of its problem.
 */
export function onEnd({ raw, request }: FastifyReply, callback: (status: number) => void): void {
  let hasEnded = false;
  const end = (status: number) => {
    if (hasEnded) return;
    hasEnded = true;
    callback(status);
  };
  const status = () => (request.problemCode === undefined ? raw.statusCode : PROBLEMS[request.problemCode].status);
  raw.once("finish", () => end(status()));
  raw.once("close", () => end(raw.headersSent ? status() : DISCONNECTED_STATUS));
}
