import type { JobSpec, Timing } from "../job.js";
import type { TraceContext } from "./trace-context.js";

/** An HTTP request that is being answered. */
export interface RequestSpan {
  /** What happens on its behalf belongs below it. */
  readonly context: TraceContext;
  end(answer: RequestAnswer): void;
}

export interface RequestAnswer {
  readonly route: string;
  readonly status: number;
  /** The problem's code, where it was answered with one. */
  readonly problem?: string | undefined;
}

/** One image's way through a worker, told when it is over. */
export interface ImageTrace {
  readonly spec: JobSpec;
  readonly imageIndex: number;
  /** Of an image that was made. */
  readonly timing?: Timing;
  /** Why there is none. */
  readonly error?: unknown;
}

/** Where spans go. Without `OTEL_EXPORTER_OTLP_ENDPOINT` there is none of this. */
export interface Tracing {
  startRequest(method: string, path: string, parent: TraceContext | undefined): RequestSpan;
  traceImage(image: ImageTrace): void;
  /** Sends what is left, for so long as the collector takes it and a few seconds at most. */
  close(): Promise<void>;
}
