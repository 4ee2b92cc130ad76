import Type from "typebox";
import { ADMIN } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { addConfigMetrics } from "../metrics/config-metrics.js";
import { addQueueMetrics } from "../metrics/queue-metrics.js";
import { problemResponses } from "../openapi/components.js";

/** `GET /metrics`: what Prometheus scrapes, unless it has a port of its own. Only failures are logged. */
export function metricsRoute(app: Api, { registry, queue, models, config }: ApiDeps): void {
  addQueueMetrics(registry, queue, models);
  addConfigMetrics(registry, config);
  if (config.metricsPort !== undefined) return;
  const schema = {
    operationId: "getMetrics",
    tags: ["health"],
    summary: "Metrics in the text format of Prometheus",
    response: {
      200: Type.Unsafe<unknown>({
        description: "Every metric of the process, and of the queue as a whole.",
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
