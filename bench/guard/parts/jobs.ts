import { loadConfig } from "../../../src/config.js";
import { JOB_VERSION, type NewJob, type StoredImage } from "../../../src/job.js";
import type { ModelRegistry } from "../../../src/model/registry.js";
import { LocalQueue } from "../../../src/queue/local/local-queue.js";
import type { JobQueue } from "../../../src/queue/queue.js";
import { imageRequest } from "../../workload.js";

/** What both kinds of queue are opened with. */
export function queueLimits() {
  const { maxQueuedImages, maxResultBytes, maxCanvasBytes, resultTtlS } = loadConfig();
  return { maxQueuedImages, maxResultBytes, maxCanvasBytes, resultTtlMs: 1000 * resultTtlS };
}

export const openLocalQueue = () => new LocalQueue(queueLimits());

/** The job of the workload's image `index`, as the API submits it. */
export function jobOf(index: number, models: ModelRegistry, id: string): NewJob {
  const { parameters, seed } = imageRequest(index, models);
  const model = models.default;
  const how = { num_images: 1, output_format: "png", priority: "normal" } as const;
  return { version: JOB_VERSION, id, model, parameters, seed, ...how };
}

/**
 * From a job to its stored image, which is deleted: were it left to expire, a slow machine would keep fewer, and the work
 * would depend on the time.
 */
export async function finishJob(queue: JobQueue, job: NewJob): Promise<void> {
  const { kind } = await queue.submit(job);
  if (kind !== "accepted") throw new Error(`A job of the guard was not accepted: ${kind}.`);
  await queue.wait(job.id, 60_000);
  if (!(await queue.image(job.id, 0))) throw new Error("A job of the guard has no image.");
  await queue.delete(job.id);
}

/** What a worker that takes no time makes of every image. */
export const finishedImage: StoredImage = {
  /** As many as the demo model's images have. */
  bytes: new Uint8Array(6000).fill(7),
  contentType: "image/png",
  width: 64,
  height: 64,
  timing: {
    queue_ms: 1,
    batch_wait_ms: 2,
    transformer_ms: 3,
    diffusion_ms: 4,
    decode_ms: 5,
    encode_ms: 6,
    total_ms: 21,
    batch_size: 1,
    ms_per_image: 12,
  },
};
