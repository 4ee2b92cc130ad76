import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { browsableAddress, listenError, type PortVariable } from "./listening.js";

/** A process's own health and metrics over HTTP, for whoever runs it: `WORKER_PORT` and `METRICS_PORT`. */
export interface Monitor {
  /** Such as `http://127.0.0.1:9100`. */
  readonly address: string;
  close(): Promise<void>;
}

export interface MonitorOptions {
  readonly host: string;
  readonly port: number;
  /** The variable that holds the port. */
  readonly variable: PortVariable;
  readonly registry: Registry;
  /** Why the process is not ready; nothing while it is. */
  readonly notReady: () => string | undefined;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Listens at once, so that a worker that loads its models can be asked. Throws `ListenError`. */
export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const { host, port, variable, registry, notReady } = options;
  const answers: Readonly<Record<string, () => Answer | Promise<Answer>>> = {
    "/health/live": () => json(200, { status: "live" }),
    "/health/ready": () => {
      const reason = notReady();
      return reason === undefined ? json(200, { status: "ready" }) : json(503, { status: "not ready", reason });
    },
    "/metrics": async () => ({ status: 200, contentType: registry.contentType, body: await registry.metrics() }),
  };
  const server = createServer(async (request, response) => {
    const path = request.url!.split("?")[0]!;
    if (!Object.hasOwn(answers, path)) return send(request, response, notFound(Object.keys(answers)));
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return send(request, response, json(405, { status: "only GET and HEAD are answered here" }));
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
  return json(404, { status: `here are only ${paths.join(", ")}` });
}

function json(status: number, body: Readonly<Record<string, string>>): Answer {
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
