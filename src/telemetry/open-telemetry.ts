import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Logger } from "pino";
import { VERSION } from "../files/package.js";
import { TIMING_SPANS } from "../job.js";
import { readTraceparent, type TraceContext } from "./trace-context.js";
import type { ImageTrace, RequestEnd, RequestSpan, Tracing } from "./tracing.js";

const EXPORT_TIMEOUT_MS = 5000;
const CLOSE_MS = 3000;
/** Failures of the collector are logged once in this time. */
const WARN_AGAIN_MS = 60_000;

export interface TelemetryOptions {
  /** The collector's address, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  readonly serviceName: string;
  /** The running command, which identifies the service's instance together with the process's id. */
  readonly command: string;
}

/** Exports spans to an OTLP/HTTP collector; its headers, such as a key, come from `OTEL_EXPORTER_OTLP_HEADERS`. */
export function openTelemetry({ endpoint, serviceName, command }: TelemetryOptions, logger: Logger): Tracing {
  logFailures(logger);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      "service.name": serviceName,
      "service.version": VERSION,
      "service.instance.id": `${command}-${process.pid}`,
    }),
    spanProcessors: [new BatchSpanProcessor(exporter, { exportTimeoutMillis: EXPORT_TIMEOUT_MS })],
  });
  return new OpenTelemetry(provider.getTracer("marimba", VERSION), () => provider.shutdown());
}

class OpenTelemetry implements Tracing {
  constructor(
    private readonly tracer: Tracer,
    private readonly shutDown: () => Promise<void>,
  ) {}

  startRequest(method: string, path: string, parent: TraceContext | undefined): RequestSpan {
    const attributes = { "http.request.method": method, "url.path": path };
    const span = this.tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, contextOf(parent));
    const { traceId, spanId, traceFlags } = span.spanContext();
    const context = { traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 };
    return { context, end: (answer) => endRequest(span, method, answer) };
  }

  traceImage({ spec, imageIndex, timing, error }: ImageTrace): void {
    const parent = contextOf(readTraceparent(spec.traceparent));
    const attributes = {
      "marimba.job": spec.id,
      "marimba.image": imageIndex,
      "marimba.model": spec.model,
      ...(spec.request_id !== undefined && { "marimba.request_id": spec.request_id }),
    };
    const options = { kind: SpanKind.CONSUMER, attributes, startTime: spec.accepted_at };
    const image = this.tracer.startSpan("image", options, parent);
    if (!timing) {
      const message = error instanceof Error ? error.message : String(error);
      image.setAttribute("error.type", error instanceof Error ? error.name : "unknown");
      image.setStatus({ code: SpanStatusCode.ERROR, message }).end();
      return;
    }
    image.setAttributes({ "marimba.batch_size": timing.batch_size, "marimba.ms_per_image": timing.ms_per_image });
    this.#traceSpans(trace.setSpan(parent, image), spec.accepted_at, timing);
    image.end(spec.accepted_at + timing.total_ms);
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([this.shutDown().catch(() => {}), late]);
    clearTimeout(timer);
  }

  /** One span after another, which together are the image's total; transformer and diffusion are sums over its steps. */
  #traceSpans(parent: Context, acceptedAt: number, timing: NonNullable<ImageTrace["timing"]>): void {
    let at = acceptedAt;
    for (const name of TIMING_SPANS) {
      const span = this.tracer.startSpan(name, { startTime: at }, parent);
      at += timing[`${name}_ms`];
      span.end(at);
    }
  }
}

function endRequest(span: Span, method: string, { route, status, problem }: RequestEnd): void {
  span.updateName(`${method} ${route}`);
  span.setAttributes({ "http.route": route, "http.response.status_code": status });
  if (problem !== undefined) span.setAttribute("error.type", problem);
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

function contextOf(parent: TraceContext | undefined): Context {
  if (!parent) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled } = parent;
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function logFailures(logger: Logger): void {
  let warnedMs = -Infinity;
  const error = (message: string) => {
    if (performance.now() - warnedMs < WARN_AGAIN_MS) return;
    warnedMs = performance.now();
    logger.warn({ reason: message }, "Can't send traces to OTEL_EXPORTER_OTLP_ENDPOINT at the moment.");
  };
  const nothing = () => {};
  diag.setLogger(
    { error, warn: nothing, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}
