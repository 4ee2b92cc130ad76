import type { Logger } from "pino";
import { epochMs } from "../engine/clock.js";
import { type Engine, EngineFailure, EngineLost, ImageExpired } from "../engine/engine.js";
import type { StoredImage } from "../job.js";
import type { Manifest } from "../model/manifest.js";
import type { ModelRegistry } from "../model/registry.js";
import { type ImageContext, type ImageTask, JobFailure, type JobSource, WorkerUnfit } from "../queue/queue.js";
import { readTraceparent } from "../telemetry/trace-context.js";
import type { Tracing } from "../telemetry/tracing.js";
import type { ImageObserver } from "./metrics.js";
import { encodePicture } from "./picture.js";
import { previewOptions } from "./previews.js";
import { imageTiming } from "./timing.js";

export interface WorkerDeps {
  readonly source: JobSource;
  /** By model name; they stay the caller's to close. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly models: ModelRegistry;
  /** Images of one model that are taken at a time. */
  readonly maxImages: number;
  readonly logger: Logger;
  readonly observer?: ImageObserver;
  readonly tracing?: Tracing | undefined;
}

/** Starts taking images: each goes into its model's engine, and comes back as a PNG. Stop it at the source. */
export async function startWorker(deps: WorkerDeps): Promise<void> {
  const { source, engines, models, maxImages, logger, observer, tracing } = deps;
  await source.start([...engines.keys()], maxImages, async (task, context) => {
    const { model } = task.spec;
    const ownLogger = logger.child(logFields(task));
    try {
      const image = await makeImage(task, context, engines.get(model)!, models.get(model)!, ownLogger);
      observer?.made(model, image);
      tracing?.traceImage({ ...task, timing: image.timing });
      ownLogger.debug({ tookMs: image.timing.total_ms }, "The image is made.");
      return image;
    } catch (error) {
      if (context.signal.aborted) {
        // The job ended, or the image is handed back: its error means nothing.
        observer?.left(model);
        throw error;
      }
      if (error instanceof EngineLost) {
        observer?.left(model);
        throw new WorkerUnfit(error.message, { cause: error });
      }
      if (!(error instanceof ImageExpired)) {
        ownLogger.error({ err: error }, `Image ${task.imageIndex} could not be made.`);
      }
      const failure = foreseen(error, task.imageIndex);
      observer?.failed(model, failure?.error.code ?? "internal");
      tracing?.traceImage({ ...task, error: failure ?? error });
      throw failure ?? error;
    }
  });
}

/** What every line on the image has: its job, and the request and the trace that the job came from. */
function logFields({ spec, imageIndex }: ImageTask): Record<string, unknown> {
  const { id, model, request_id, traceparent } = spec;
  const trace = readTraceparent(traceparent);
  return {
    job: id,
    model,
    image: imageIndex,
    ...(request_id && { request_id }),
    ...(trace && { trace_id: trace.traceId }),
  };
}

async function makeImage(
  { spec, imageIndex }: ImageTask,
  context: ImageContext,
  engine: Engine,
  manifest: Manifest,
  logger: Logger,
): Promise<StoredImage> {
  const request = { parameters: spec.parameters, seed: spec.seed, imageIndex };
  const deadline = spec.deadline_at === undefined ? {} : { deadlineAt: spec.deadline_at };
  const previews = previewOptions(imageIndex, context, manifest, logger);
  const onStep = (step: number, of: number) => context.progress(step, of);
  const generated = await engine.generate(request, { signal: context.signal, onStep, ...previews, ...deadline });
  const bytes = await encodePicture(generated, request, manifest);
  const timing = imageTiming(spec.accepted_at, generated.timing, epochMs());
  return { bytes, contentType: "image/png", width: generated.width, height: generated.height, timing };
}

/** The failure that an error of the engine is for the whole job, as the client may see it; none for any other error. */
function foreseen(error: unknown, image: number): JobFailure | undefined {
  if (error instanceof ImageExpired) {
    const detail = `The job's deadline passed before image ${image} was done.`;
    return new JobFailure({ code: "deadline_exceeded", detail });
  }
  // The engine has tried again by itself where that could help.
  if (!(error instanceof EngineFailure)) return undefined;
  const detail = `Image ${image} could not be made; the server's log says why.`;
  return new JobFailure({ code: "generation_failed", detail });
}
