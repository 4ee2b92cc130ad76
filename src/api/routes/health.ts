import Type from "typebox";
import { Problem } from "../../errors.js";
import type { Api, ApiDeps } from "../app.js";
import { problemResponses } from "../components.js";

/** `GET /health/live` and `GET /health/ready`. Probes come often: only their failures are logged. */
export function healthRoutes(app: Api, { readiness }: ApiDeps): void {
  const status = (value: string) => ({
    description: `Always \`${value}\`.`,
    content: { "application/json": { schema: Type.Object({ status: Type.Literal(value) }) } },
  });
  const liveSchema = {
    operationId: "isLive",
    tags: ["health"],
    summary: "Whether the process answers at all",
    response: { 200: Type.Unsafe<unknown>(status("live")), ...problemResponses() },
  };
  app.get("/health/live", { schema: liveSchema, logLevel: "warn" }, () => ({ status: "live" }));

  const readySchema = {
    operationId: "isReady",
    tags: ["health"],
    summary: "Whether requests are served now: models are loaded and warm, and no shutdown has begun",
    response: { 200: Type.Unsafe<unknown>(status("ready")), ...problemResponses("no_worker", "shutting_down") },
  };
  app.get("/health/ready", { schema: readySchema, logLevel: "warn" }, (_request, reply) => {
    const { ready, reason, shuttingDown } = readiness();
    reply.header("Cache-Control", "no-store");
    const options = { headers: { "Retry-After": "5" } };
    if (shuttingDown) throw new Problem("shutting_down", reason ?? "The server is shutting down.", options);
    if (!ready) throw new Problem("no_worker", reason ?? "The models are not loaded yet.", options);
    return { status: "ready" };
  });
}
