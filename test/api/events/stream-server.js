// The HTTP side over the local queue in a process of its own, so that its memory can be measured. Its worker holds every
// image until the parent says "go". Messages: it sends {port}; "memory" is answered with {heapBytes, rssBytes, sockets}.
import pino from "pino";
import { Registry } from "prom-client";
import { buildApp, listen } from "../../../dist/api/app.js";
import { loadConfig } from "../../../dist/config.js";
import { PACKAGE_ROOT } from "../../../dist/files/package.js";
import { loadRegistry } from "../../../dist/model/registry.js";
import { LocalQueue } from "../../../dist/queue/local/local-queue.js";

const STEPS = 4;
const config = loadConfig({ PORT: "0", LOG_LEVEL: "silent", MAX_QUEUED_IMAGES: "10000" });
const models = await loadRegistry([`${PACKAGE_ROOT}/models`], ["demo"]);
const queue = new LocalQueue({
  maxQueuedImages: config.maxQueuedImages,
  resultTtlMs: config.resultTtlS * 1000,
  maxResultBytes: config.maxResultBytes,
  maxCanvasBytes: config.maxCanvasBytes,
});

let go;
const gone = new Promise((resolve) => {
  go = resolve;
});
const timing = Object.fromEntries(
  "queue_ms batch_wait_ms transformer_ms diffusion_ms decode_ms encode_ms total_ms batch_size ms_per_image"
    .split(" ")
    .map((name) => [name, 1]),
);

await queue.start(["demo"], 64, async (_task, { progress }) => {
  await gone;
  for (let step = 1; step <= STEPS; step++) {
    progress(step, STEPS);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { bytes: new Uint8Array(2), contentType: "image/png", width: 2, height: 3, timing };
});

const readiness = () => ({ ready: true });
const app = await buildApp({
  config,
  queue,
  models,
  readiness,
  logger: pino({ level: "silent" }),
  registry: new Registry(),
});
const address = await listen(app, config.host, 0);

process.on("message", async (message) => {
  if (message === "go") go();
  if (message === "memory") {
    gc();
    const { heapUsed, external, rss } = process.memoryUsage();
    const sockets = await new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)));
    process.send({ heapBytes: heapUsed + external, rssBytes: rss, sockets });
  }
});
process.on("disconnect", () => process.exit(0));
process.send({ port: Number(new URL(address).port) });
