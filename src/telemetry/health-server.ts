import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { browsableAddress, listenError, type PortVariable } from "./listening.js";

/** Serves a process's own health and metrics on `WORKER_PORT` or `METRICS_PORT`. */
export interface HealthServer {
  /** Such as `http://127.0.0.1:9100`. */
  readonly address: string;
  close(): Promise<void>;
}

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  /** The setting that holds the port. */
  readonly variable: PortVariable;
  readonly registry: Registry;
  /** Why the process is not ready; undefined if it is. */
  readonly notReadyReason: () => string | undefined;
  /** Threads of one ONNX operator, if this process runs models. */
  readonly threads?: number | undefined;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Listens at once, so that a worker answers while it loads its models. Throws `ListenError`. */
export async function openHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { host, port, variable, registry, notReadyReason, threads } = options;
  const answers: Readonly<Record<string, () => Answer | Promise<Answer>>> = {
    "/health/live": () => json(200, { status: "live" }),
    "/health/ready": () => {
      const reason = notReadyReason();
      return reason === undefined
        ? json(200, { status: "ready", ...(threads && { threads }) })
        : json(503, { status: "not ready", reason });
    },
    "/metrics": async () => ({ status: 200, contentType: registry.contentType, body: await registry.metrics() }),
  };
  const server = createServer(async (request, response) => {
    const path = request.url!.split("?")[0]!;
    if (!Object.hasOwn(answers, path)) return send(request, response, notFound(Object.keys(answers)));
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return send(request, response, json(405, { status: "only GET and HEAD are supported" }));
    }
    send(request, response, await answers[path]!());
  });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw listenError(error, host, port, variable);
  }
  const close = async () => {
    server.close();
    server.closeAllConnections();
  };
  return { address: browsableAddress(host, (server.address() as AddressInfo).port), close };
}

function notFound(paths: readonly string[]): Answer {
  return json(404, { status: `no such address; there are ${paths.join(", ")}` });
}

function json(status: number, body: Readonly<Record<string, string | number>>): Answer {
  return { status, contentType: "application/json; charset=utf-8", body: JSON.stringify(body) };
}

function send(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: Answer): void {
  response.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
