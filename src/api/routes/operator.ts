import type { BaseAdapter } from "@bull-board/api/baseAdapter";
import Type from "typebox";
import { Problem } from "../../errors.js";
import { ADMIN, withAccess } from "../access/authentication.js";
import type { Api, ApiDeps } from "../deps.js";
import { PAGE_CSP } from "../http/browsers.js";
import { problemResponses } from "../openapi/components.js";

const BOARD = "/admin/queues";

/** For operators: `GET /admin/queue`, and over Redis BullMQ's own board under `/admin/queues`. */
export async function operatorRoutes(app: Api, { queue, boardQueues, config }: ApiDeps): Promise<void> {
  const schema = {
    operationId: "getQueue",
    tags: ["health"],
    summary: "The queue: waiting and running images of each model, totals of jobs and images, live workers",
    response: {
      200: Type.Unsafe<unknown>({
        description: "The queue, over all processes.",
        content: { "application/json": { schema: QueueResource } },
      }),
      ...problemResponses("forbidden", "queue_unavailable"),
    },
  };
  app.get("/admin/queue", { schema, config: ADMIN, logLevel: "warn" }, async (_request, reply) => {
    reply.header("Cache-Control", "no-store");
    const { maxQueuedImages, keptBytes, models } = await queue.status();
    return { max_queued_images: maxQueuedImages, kept_bytes: keptBytes, models };
  });
  if (boardQueues) await addBoard(app, boardQueues, config.publicPath);
}

/** The page writes style attributes, and has a `base` of its own. */
const BOARD_CSP = PAGE_CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
  "base-uri 'none'",
  "base-uri 'self'",
);

const count = (description: string) => Type.Integer({ minimum: 0, description });

const QueueResource = Type.Object({
  max_queued_images: count("Images that may wait, over all models."),
  kept_bytes: count("Bytes of finished jobs and their images."),
  models: Type.Array(
    Type.Object({
      model: Type.String(),
      waiting: count("Images that wait."),
      running: count("Images on workers."),
      paused: Type.Boolean(),
      draining: Type.Boolean(),
      totals: Type.Object({
        accepted: count("Jobs."),
        completed: count("Jobs."),
        failed: count("Jobs."),
        cancelled: count("Jobs."),
        images: count("Images made and stored."),
      }),
      workers: Type.Array(
        Type.Object({
          id: Type.String(),
          host: Type.String(),
          pid: Type.Integer(),
          running: count("Images that the worker makes now, of all models."),
          paused: Type.Boolean(),
          skew: Type.Number({
            description: "Seconds that the worker's clock is ahead of the queue's; negative: behind.",
          }),
        }),
        { description: "Live workers." },
      ),
    }),
  ),
});

/** Loaded only where it is shown. Its page links a font of another site, which the content security policy blocks. */
async function addBoard(app: Api, queues: readonly BaseAdapter[], publicPath: string): Promise<void> {
  const [{ createBullBoard }, { FastifyAdapter }] = await Promise.all([
    import("@bull-board/api"),
    import("@bull-board/fastify"),
  ]);
  const serverAdapter = new FastifyAdapter().setBasePath(publicPath + BOARD);
  const uiConfig = { boardTitle: "Marimba: BullMQ", hideRedisDetails: true };
  createBullBoard({ queues, serverAdapter, options: { uiConfig } });
  await app.register(async (board) => {
    board.addHook("onRoute", withAccess(ADMIN));
    board.addHook("onRoute", (route) => {
      route.logLevel = "warn";
    });
    board.addHook("onRequest", async ({ method }, reply) => {
      // Some of the board's actions ignore its read-only mode.
      if (method !== "GET" && method !== "HEAD") {
        const detail = "The board is read-only; use marimba queue to pause, resume and drain.";
        throw new Problem("method_not_allowed", detail, { headers: { Allow: "GET, HEAD" } });
      }
      reply.header("Content-Security-Policy", BOARD_CSP).header("Cache-Control", "no-store");
    });
    const addRoutes = serverAdapter.registerPlugin();
    await board.register(
      (scope, options, done) => {
        // The board would answer errors, such as a missing key, in its own format.
        const ours = Object.create(scope, { setErrorHandler: { value: () => ours } });
        addRoutes(ours, options, done);
      },
      { prefix: BOARD },
    );
  });
}
