import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { BaseAdapter } from "@bull-board/api/baseAdapter";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import type { Config } from "../config.js";
import type { ModelRegistry } from "../model/registry.js";
import type { JobQueue } from "../queue/queue.js";
import type { Tracing } from "../telemetry/tracing.js";
import type { KeyRing } from "./access/key-ring.js";
import type { Principal } from "./access/principal.js";

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in a sentence for people. */
  readonly reason?: string;
  readonly shuttingDown?: boolean;
}

/** All that the HTTP side needs of the rest. */
export interface ApiDeps {
  readonly config: Config;
  readonly queue: JobQueue;
  readonly models: ModelRegistry;
  readonly readiness: () => Readiness;
  readonly logger: FastifyBaseLogger;
  /** Says why an address can't be a caller's webhook; absent: the server sends none. */
  readonly webhooks?: { refusal(url: string, principal: Principal): string | undefined };
  /** Where the process's metrics are; `/metrics` tells all of them. */
  readonly registry: Registry;
  /** What BullMQ's board shows, over Redis. */
  readonly boardQueues?: readonly BaseAdapter[] | undefined;
  /** Where spans go; absent: none are made. */
  readonly tracing?: Tracing | undefined;
  /** The API keys that are accepted; absent: none is asked for. */
  readonly keys?: KeyRing | undefined;
}

/** A server whose routes take their types from their schemas. */
export type Api = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;
