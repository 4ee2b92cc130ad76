import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { BaseAdapter } from "@bull-board/api/baseAdapter";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import type { Config } from "../config.js";
import type { ModelRegistry } from "../model/registry.js";
import type { JobQueue } from "../queue/queue.js";
import type { Tracing } from "../telemetry/tracing.js";
import type { Caller } from "./access/caller.js";
import type { KeyRing } from "./access/key-ring.js";
import type { HttpLimits } from "./http/limits.js";

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in a sentence for people. */
  readonly reason?: string;
  readonly shuttingDown?: boolean;
  /** Threads of one ONNX operator, if this process runs models. */
  readonly threads?: number | undefined;
}

/** Everything that the HTTP side needs from the other rooms. */
export interface ApiDeps {
  readonly config: Config;
  readonly queue: JobQueue;
  readonly models: ModelRegistry;
  readonly readiness: () => Readiness;
  readonly logger: FastifyBaseLogger;
  /** Explains why an address can't be a caller's webhook. Absent: the server sends no webhooks. */
  readonly webhooks?: { refusal(url: string, caller: Caller): string | undefined };
  /** The process's metrics, which `/metrics` serves. */
  readonly registry: Registry;
  /** The queues that BullMQ's board shows; only with Redis. */
  readonly boardQueues?: readonly BaseAdapter[] | undefined;
  /** Absent: the server makes no spans. */
  readonly tracing?: Tracing | undefined;
  /** Absent: the server requires no API keys. */
  readonly keys?: KeyRing | undefined;
}

/** What `buildApp` adds for the routes. */
export interface RouteDeps extends ApiDeps {
  readonly limits: HttpLimits;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
}

/** A server whose routes take their types from their schemas. */
export type Api = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;
