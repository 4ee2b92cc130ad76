import type { JobSpec, Timing } from "../job.js";
import type { TraceContext } from "./trace-context.js";

/** The span of an HTTP request. */
export interface RequestSpan {
  /** The context of its child spans. */
  readonly context: TraceContext;
  end(end: RequestEnd): void;
}

export interface RequestEnd {
  readonly route: string;
  readonly status: number;
  /** The code of the problem it was answered with. */
  readonly problem?: string | undefined;
}

/** One image's way through a worker, reported when it is over. */
export interface ImageTrace {
  readonly spec: JobSpec;
  readonly imageIndex: number;
  /** Present if the image was generated. */
  readonly timing?: Timing;
  /** Why it was not. */
  readonly error?: unknown;
}

/** Exports spans. Without `OTEL_EXPORTER_OTLP_ENDPOINT` there is no tracing. */
export interface Tracing {
  startRequest(method: string, path: string, parent: TraceContext | undefined): RequestSpan;
  traceImage(image: ImageTrace): void;
  /** Sends the remaining spans, for a few seconds at most. */
  close(): Promise<void>;
}
