import type { FastifyReply, FastifyRequest } from "fastify";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { ProblemCode } from "../../errors.js";
import { LONG_SECONDS } from "../../telemetry/process-metrics.js";
import type { EventStreams } from "../events/event-streams.js";
import { EVENT_STREAM_TYPE } from "../events/event-text.js";
import { routeOf, UNMATCHED } from "../http/known-paths.js";
import { onEnd } from "../http/request-log.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Code of the problem that the request was answered with; undefined if it succeeded. */
    problemCode: ProblemCode | undefined;
  }
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Counts each request once, when its response is sent or its client is gone. */
export class HttpMetrics {
  readonly #requests: Counter<"method" | "route" | "status">;
  readonly #seconds: Histogram<"method" | "route">;
  readonly #inProgress: Gauge;
  readonly #problems: Counter<"code">;
  readonly #servedBytes: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: "marimba_http_requests_total",
      help: "Requests by status; 499: the client disconnected first. A failed stream has the status of its error.",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "marimba_http_request_duration_seconds",
      help: "From a request's headers to the end of its response, including the wait for an image; no event streams.",
      labelNames: ["method", "route"],
      buckets: LONG_SECONDS,
      registers,
    });
    this.#inProgress = new Gauge({
      name: "marimba_http_requests_in_progress",
      help: "Requests in progress, including open event streams.",
      registers,
    });
    this.#problems = new Counter({
      name: "marimba_http_problems_total",
      help: "Requests that were refused or failed, by the problem's code.",
      labelNames: ["code"],
      registers,
    });
    this.#servedBytes = new Counter({
      name: "marimba_results_served_bytes_total",
      help: "Bytes of images sent as such (not inside JSON).",
      registers,
    });
  }

  /** Follows a request to its end. */
  watch(request: FastifyRequest, reply: FastifyReply): void {
    const startMs = performance.now();
    this.#inProgress.inc();
    onEnd(reply, (status) => {
      this.#inProgress.dec();
      this.#count(request, reply, status, (performance.now() - startMs) / 1000);
    });
  }

  /** Counts an answer to input that never became a request. */
  countBroken(status: number, code: ProblemCode): void {
    this.#requests.inc({ method: "other", route: UNMATCHED, status });
    this.#problems.inc({ code });
  }

  #count(request: FastifyRequest, reply: FastifyReply, status: number, seconds: number): void {
    const method = METHODS.has(request.method) ? request.method : "other";
    const route = routeOf(request);
    this.#requests.inc({ method, route, status });
    const type = String(reply.getHeader("content-type"));
    if (type !== EVENT_STREAM_TYPE) this.#seconds.observe({ method, route }, seconds);
    if (request.problemCode !== undefined) this.#problems.inc({ code: request.problemCode });
    const isImage = status === 200 && method !== "HEAD" && reply.hasHeader("marimba-job") && type.startsWith("image/");
    if (isImage) this.#servedBytes.inc(Number(reply.getHeader("content-length") ?? 0));
  }
}

export function addStreamMetrics(registry: Registry, streams: Pick<EventStreams, "size">): void {
  new Gauge({
    name: "marimba_event_streams",
    help: "Event streams that are open now.",
    registers: [registry],
    collect() {
      this.set(streams.size);
    },
  });
}
