import Type from "typebox";
import { ADMIN } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { addQueueMetrics } from "../metrics/queue-metrics.js";
import { problemResponses } from "../openapi/components.js";

/** `GET /metrics` for Prometheus, unless METRICS_PORT serves it. Only failures are logged. */
export function metricsRoute(app: Api, { registry, queue, models, config }: ApiDeps): void {
  addQueueMetrics(registry, queue, models, config);
  if (config.metricsPort !== undefined) return;
  const schema = {
    operationId: "getMetrics",
    tags: ["health"],
    summary: "Metrics in the text format of Prometheus",
    response: {
      200: Type.Unsafe<unknown>({
        description: "Every metric of the process and of the whole queue.",
        content: { "text/plain": { schema: Type.Unsafe({ type: "string" }) } },
      }),
      ...problemResponses("forbidden"),
    },
  };
  app.get("/metrics", { schema, config: ADMIN, logLevel: "warn" }, async (_request, reply) => {
    reply.header("Cache-Control", "no-store").type(registry.contentType);
    return reply.send(await registry.metrics());
  });
}
