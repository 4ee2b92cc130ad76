import type { Logger } from "pino";
import type { JobError, JobSpec, StoredImage } from "../job.js";
import { epochMs } from "../model/engine/clock.js";
import { type Engine, ImageCancelled, ImageExpired } from "../model/engine/engine.js";
import type { Manifest } from "../model/manifest.js";
import type { ModelRegistry } from "../model/registry.js";
import { type JobContext, JobFailure, type JobSource } from "../queue/queue.js";
import { encodePicture } from "./picture.js";
import { imageTiming } from "./timing.js";

export interface WorkerDeps {
  readonly source: JobSource;
  /** By model name; they stay the caller's to close. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly models: ModelRegistry;
  /** Another job of a model is taken while fewer of its images than this are being made. */
  readonly maxImages: number;
  readonly logger: Logger;
}

/** Starts taking jobs: each image goes into its model's engine, and comes back as a PNG. Stop it at the source. */
export async function startWorker({ source, engines, models, maxImages, logger }: WorkerDeps): Promise<void> {
  await source.start([...engines.keys()], maxImages, (spec, context) => {
    const engine = engines.get(spec.model)!;
    const manifest = models.get(spec.model)!;
    return makeImages(spec, context, engine, manifest, logger.child({ job: spec.id, model: spec.model }));
  });
}

/** All images of one job, or `JobFailure` with the first error once none of its images is in the engine any more. */
async function makeImages(
  spec: JobSpec,
  { signal, progress }: JobContext,
  engine: Engine,
  manifest: Manifest,
  logger: Logger,
): Promise<readonly StoredImage[]> {
  const sibling = new AbortController();
  const leave = AbortSignal.any([signal, sibling.signal]);
  const onStep = reportFurthestBehind(spec.num_images, progress);
  let firstError: JobError | undefined;
  const indices = Array.from({ length: spec.num_images }, (_, index) => index);
  const images = await Promise.all(
    indices.map(async (index) => {
      try {
        return await makeImage(spec, index, leave, (step, of) => onStep(index, step, of), engine, manifest);
      } catch (error) {
        if (!firstError) {
          firstError = describeError(error, index);
          if (firstError.code === "generation_failed") logger.error({ err: error, image: index }, firstError.detail);
          sibling.abort();
        }
        return undefined;
      }
    }),
  );
  if (firstError) throw new JobFailure(firstError);
  return images as StoredImage[];
}

async function makeImage(
  spec: JobSpec,
  imageIndex: number,
  signal: AbortSignal,
  onStep: (step: number, of: number) => void,
  engine: Engine,
  manifest: Manifest,
): Promise<StoredImage> {
  const request = { parameters: spec.parameters, seed: spec.seed, imageIndex };
  const deadline = spec.deadline_at === undefined ? {} : { deadlineAt: spec.deadline_at };
  const generated = await engine.generate(request, { signal, onStep, ...deadline });
  const bytes = await encodePicture(generated, request, manifest);
  const timing = imageTiming(spec.accepted_at, generated.timing, epochMs());
  return { bytes, contentType: "image/png", width: generated.width, height: generated.height, timing };
}

/** Turns the steps of single images into the job's progress: that of the image furthest behind, when it moves. */
function reportFurthestBehind(images: number, progress: JobContext["progress"]) {
  const steps = new Array<number>(images).fill(0);
  let reported = 0;
  return (index: number, step: number, of: number) => {
    const wasLast = steps[index] === reported;
    steps[index] = step;
    if (!wasLast) return;
    const least = steps.reduce((a, b) => Math.min(a, b));
    if (least > reported) {
      reported = least;
      progress(least, of);
    }
  };
}

/** The engine's error as the client may see it; what only the operator should see is logged. */
function describeError(error: unknown, image: number): JobError {
  if (error instanceof ImageCancelled) return { code: "job_cancelled", detail: "The job was cancelled." };
  if (error instanceof ImageExpired) {
    return { code: "deadline_exceeded", detail: `The job's deadline passed before image ${image} was done.` };
  }
  return { code: "generation_failed", detail: `Image ${image} could not be made; the server's log says why.` };
}
