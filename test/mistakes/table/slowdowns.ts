import type { Mistake } from "../mistake.js";

const slowdown = (part: string, file: string, find: string, replace: string): Mistake => ({
  name: `slower-${part}`,
  file,
  find,
  replace,
  why: `A fifth of the ${part}'s work is done twice.`,
});

/**
 * What the guard of bench/guard must catch, by its parts. Numbers stay right, so neither parity nor a unit test notices: these
 * are no part of `MISTAKES`.
 */
export const SLOWDOWNS = {
  engine: slowdown(
    "engine",
    "engine/runtime/onnx.ts",
    `  return {
    async run(graph, inputs) {`,
    `  // In the images of bench/guard/parts/engine.ts, two of three denoising runs are a fifth of the time.
  let denoised = 0;
  return {
    async run(graph, inputs) {
      if (graph === "denoise" && denoised++ % 3 < 2) await sessions.get(graph)!.run(toOrt(inputs));`,
  ),
  worker: slowdown(
    "worker",
    "worker/worker.ts",
    "      const image = await makeImage(task, context, engines.get(model)!, models.get(model)!, ownLogger);",
    `      if (task.spec.seed % 5 === 0)
        await makeImage(task, context, engines.get(model)!, models.get(model)!, ownLogger);
      const image = await makeImage(task, context, engines.get(model)!, models.get(model)!, ownLogger);`,
  ),
  queue: slowdown(
    "queue",
    "queue/redis/redis-queue.ts",
    "    const watch = this.events.watches.hold(spec.id);",
    `    // Nobody waits for the second job, so a fourth of them makes a fifth of the work.
    if (spec.seed % 4 === 0) {
      const id = this.newId();
      await this.#submit(this.events.watches.hold(id), { ...spec, id }, undefined, limits, canvas);
    }
    const watch = this.events.watches.hold(spec.id);`,
  ),
  api: slowdown(
    "api",
    "api/app.ts",
    "  for (const addRoutes of ROUTES) await addRoutes(",
    `  let requests = 0;
  app.addHook("preHandler", async ({ method, url, headers, body }) => {
    if (headers["x-again"] !== undefined || requests++ % 5 > 0) return;
    const call = { method: method as "GET", url, headers: { ...headers, "x-again": "1" } };
    await app.inject(body === undefined ? call : { ...call, payload: body as object });
  });
  for (const addRoutes of ROUTES) await addRoutes(`,
  ),
} as const satisfies Record<string, Mistake>;
