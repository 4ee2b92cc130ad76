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
import { readTraceparent, type TraceContext } from "./trace-context.js";
import type { ImageTrace, RequestAnswer, RequestSpan, Tracing } from "./tracing.js";

const EXPORT_TIMEOUT_MS = 5000;
const CLOSE_MS = 3000;
/** A collector that is away is said once in so long. */
const SAY_AGAIN_MS = 60_000;

/** The parts of an image's time in the order they are drawn in; transformer and diffusion are sums over all its steps. */
const PARTS = ["batch_wait", "transformer", "diffusion", "decode", "encode"] as const;

export interface TelemetryOptions {
  /** The collector's base, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
  readonly serviceName: string;
  /** The command that runs: what the service's instances are told apart by, with the process's id. */
  readonly command: string;
}

/** Spans for an OTLP/HTTP collector. Its headers, such as a key, come from `OTEL_EXPORTER_OTLP_HEADERS`. */
export function openTelemetry({ endpoint, serviceName, command }: TelemetryOptions, logger: Logger): Tracing {
  sayTroubleOf(logger);
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
    this.#traceParts(trace.setSpan(parent, image), spec.accepted_at, timing);
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

  /** The six parts side by side: together they are the image's whole time. */
  #traceParts(parent: Context, acceptedAt: number, timing: NonNullable<ImageTrace["timing"]>): void {
    let at = acceptedAt;
    for (const part of ["queue", ...PARTS] as const) {
      const span = this.tracer.startSpan(part, { startTime: at }, parent);
      at += timing[`${part}_ms`];
      span.end(at);
    }
  }
}

function endRequest(span: Span, method: string, { route, status, problem }: RequestAnswer): void {
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

function sayTroubleOf(logger: Logger): void {
  let saidMs = -Infinity;
  const say = (message: string) => {
    if (performance.now() - saidMs < SAY_AGAIN_MS) return;
    saidMs = performance.now();
    logger.warn({ reason: message }, "Traces can't be sent to OTEL_EXPORTER_OTLP_ENDPOINT now.");
  };
  const nothing = () => {};
  diag.setLogger(
    { error: say, warn: nothing, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}
