import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { eventually } from "../eventually.js";

/** A span as OTLP/HTTP's JSON has it (opentelemetry-proto, trace.proto), with its attributes as an object. */
export interface ReceivedSpan {
  readonly service: string;
  readonly instance: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: number | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

type Attributes = readonly { key: string; value: Readonly<Record<string, unknown>> }[];

interface Payload {
  resourceSpans: {
    resource: { attributes: Attributes };
    scopeSpans: {
      spans: {
        name: string;
        kind: number;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: Attributes;
        status: { code?: number };
      }[];
    }[];
  }[];
}

/** A small OTLP/HTTP receiver: keeps every span that it is sent. */
export async function startCollector() {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
    const isTraces = request.method === "POST" && request.url === "/v1/traces";
    if (isTraces) spans.push(...decode(JSON.parse(text.toString())));
    response.writeHead(isTraces ? 200 : 404, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    /** Resolves with the spans of a trace once they are so many. */
    async trace(traceId: string, count: number): Promise<ReceivedSpan[]> {
      const found = () => spans.filter((span) => span.traceId === traceId);
      await eventually(() => {
        if (found().length < count) throw new Error(`${found().length} of ${count} spans`);
      });
      return found();
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function decode({ resourceSpans }: Payload): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const own = asObject(resource.attributes);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service: String(own["service.name"]),
        instance: String(own["service.instance.id"]),
        name: span.name,
        kind: span.kind,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId || undefined,
        startMs: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
        endMs: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000,
        status: span.status.code,
        attributes: asObject(span.attributes),
      })),
    );
  });
}

const asObject = (attributes: Attributes) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
