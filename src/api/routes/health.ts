import Type from "typebox";
import { Problem } from "../../errors.js";
import { OPEN } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { openProblemResponses } from "../openapi/components.js";

/** `GET /health/live` and `GET /health/ready`. Probes are frequent, so only failures are logged. */
export function healthRoutes(app: Api, deps: ApiDeps): void {
  const status = (value: string, facts = {}) => ({
    description: `Always \`${value}\`.`,
    content: { "application/json": { schema: Type.Object({ status: Type.Literal(value), ...facts }) } },
  });
  const liveSchema = {
    operationId: "isLive",
    tags: ["health"],
    security: [],
    summary: "Whether the process is alive",
    response: { 200: Type.Unsafe<unknown>(status("live")), ...openProblemResponses() },
  };
  app.get("/health/live", { schema: liveSchema, config: OPEN, logLevel: "warn" }, () => ({ status: "live" }));

  const readySchema = {
    operationId: "isReady",
    tags: ["health"],
    security: [],
    summary: "Whether requests are served: the queue is reachable, a worker is live, and no shutdown has begun",
    response: {
      200: Type.Unsafe<unknown>(status("ready", { threads: Type.Optional(THREADS) })),
      ...openProblemResponses("no_worker", "queue_unavailable", "shutting_down"),
    },
  };
  app.get("/health/ready", { schema: readySchema, config: OPEN, logLevel: "warn" }, async (_request, reply) => {
    reply.header("Cache-Control", "no-store");
    const problem = await notReadyProblem(deps);
    if (problem) throw problem;
    const { threads } = deps.readiness();
    return { status: "ready", ...(threads && { threads }) };
  });
}

const THREADS = Type.Integer({ minimum: 1, description: "Threads of one ONNX operator, if this process runs models." });

async function notReadyProblem({ readiness, queue, models }: ApiDeps): Promise<Problem | undefined> {
  const options = { headers: { "Retry-After": "5" } };
  const { ready, reason, shuttingDown } = readiness();
  if (shuttingDown) return new Problem("shutting_down", reason ?? "The server is shutting down.", options);
  const health = queue.health();
  if (!health.reachable) return new Problem("queue_unavailable", health.reason, options);
  if (!ready) return new Problem("no_worker", reason ?? "The models are not loaded yet.", options);
  const served = (await queue.stats()).models;
  if (served.some((name) => models.get(name))) return undefined;
  const names = models.list().map(({ name }) => name);
  return new Problem("no_worker", `No live worker serves ${names.join(" or ")}.`, options);
}
