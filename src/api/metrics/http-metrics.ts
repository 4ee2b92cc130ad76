import type { FastifyReply, FastifyRequest } from "fastify";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { ProblemCode } from "../../errors.js";
import { LONG_SECONDS } from "../../telemetry/buckets.js";
import { EVENT_STREAM_TYPE } from "../events/event-text.js";
import { onEnd } from "../http/on-end.js";
import { routeOf, UNMATCHED } from "../http/route-of.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Code of the problem that the request is answered with; undefined where it is answered as asked. */
    problemCode: ProblemCode | undefined;
  }
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Requests as the server saw them end: each is counted once, when its answer is out or its client gone. */
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
      help: "Requests by the status they were answered with; 499: the client hung up before. A stream that fails has its error's.",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "marimba_http_request_duration_seconds",
      help: "From a request's headers to the end of its answer, waits for a picture included; no event streams.",
      labelNames: ["method", "route"],
      buckets: LONG_SECONDS,
      registers,
    });
    this.#inProgress = new Gauge({
      name: "marimba_http_requests_in_progress",
      help: "Requests that are being answered now, open event streams included.",
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
      help: "Bytes of pictures that were sent as pictures (not inside JSON).",
      registers,
    });
  }

  /** Follows a request to its end, whatever that is. */
  watch(request: FastifyRequest, reply: FastifyReply): void {
    const startMs = performance.now();
    this.#inProgress.inc();
    onEnd(reply, (status) => {
      this.#inProgress.dec();
      this.#count(request, reply, status, (performance.now() - startMs) / 1000);
    });
  }

  /** An answer to what never became a request. */
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
    const isPicture =
      status === 200 && method !== "HEAD" && reply.hasHeader("marimba-job") && type.startsWith("image/");
    if (isPicture) this.#servedBytes.inc(Number(reply.getHeader("content-length") ?? 0));
  }
}
