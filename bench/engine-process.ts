// The engine, and the layers between it and HTTP, in a process of their own: `fork` it with the model's folder.
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { loadConfig } from "../src/config.js";
import type { GeneratedImage } from "../src/engine/engine.js";
import { openNullEngine } from "../src/engine/null-engine.js";
import { openEngine } from "../src/engine/threaded-engine.js";
import { JOB_VERSION } from "../src/job.js";
import { LocalQueue } from "../src/queue/local/local-queue.js";
import { encodeImage, imageFacts } from "../src/worker/encode-image.js";
import { startWorker } from "../src/worker/worker.js";
import { type Load, serveMeasurements } from "./measuring-process.js";
import { openModelFolder } from "./model-folder.js";
import { closedLoop, imageRequest } from "./workload.js";

const { maxBatch, maxBatchDelayMs, threads, ...config } = loadConfig();
const { folder, manifest, models } = await openModelFolder(process.argv[2]!);
const maxWaiting = config.maxQueuedImages;
const engine = await openEngine({ folder, manifest, maxBatch, maxBatchDelayMs, maxWaiting, threads });
const nullEngine = openNullEngine(manifest, maxBatch);
const queue = new LocalQueue({
  maxQueuedImages: config.maxQueuedImages,
  resultTtlMs: config.resultTtlS * 1000,
  maxResultBytes: config.maxResultBytes,
  maxCanvasBytes: config.maxCanvasBytes,
});
const engines = new Map([[manifest.name, nullEngine]]);
await startWorker({ source: queue, engines, models, maxImages: maxBatch, logger: pino({ level: "silent" }) });

/** The engine's latest images, for `png`. */
let images: GeneratedImage[] = [];

async function fromEngine({ total, concurrency }: Load): Promise<number> {
  const made: GeneratedImage[] = [];
  const ms = await closedLoop(total, concurrency, async (index) => {
    made.push(await engine.generate(imageRequest(index, models)));
  });
  images = made;
  return ms;
}

/** Encoding generated images, text included. */
async function png({ total, concurrency }: Load): Promise<number> {
  return closedLoop(total, concurrency, (index) => {
    return encodeImage(images[index % images.length]!, imageFacts(imageRequest(index, models), manifest));
  });
}

/** Encoding the null engine's image: the part of `queued` that is not the queue's. */
async function plainPng({ total, concurrency }: Load): Promise<number> {
  return closedLoop(total, concurrency, async (index) => {
    const request = imageRequest(index, models);
    return encodeImage(await nullEngine.generate(request), imageFacts(request, manifest));
  });
}

/** From a job to its stored PNG, through queue and worker, with an engine that takes no time. */
async function queued({ total, concurrency }: Load): Promise<number> {
  return closedLoop(total, concurrency, async (index) => {
    const id = `job_${randomUUID()}`;
    const { parameters, seed } = imageRequest(index, models);
    const spec = {
      version: JOB_VERSION,
      id,
      model: manifest.name,
      parameters,
      seed,
      num_images: 1,
      output_format: "png",
      priority: "normal",
    } as const;
    await queue.submit(spec);
    await queue.wait(id, 60_000);
    if (!(await queue.image(id, 0))) throw new Error("A job of the null engine has no image.");
  });
}

serveMeasurements({ engine: fromEngine, png, plainPng, queued });
