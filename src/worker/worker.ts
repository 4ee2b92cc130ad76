import type { Logger } from "pino";
import { openCanvas, type RgbImage } from "../editing/paste.js";
import { type Engine, EngineFailure, EngineLost, type EngineTiming, ImageExpired } from "../engine/engine.js";
import type { StoredImage, Timing } from "../job.js";
import type { Manifest } from "../model/manifest.js";
import type { ModelRegistry } from "../model/registry.js";
import { type ImageContext, type ImageTask, JobFailure, type JobSource, WorkerUnfit } from "../queue/queue.js";
import { monotonicMs } from "../telemetry/monotonic-clock.js";
import { readTraceparent } from "../telemetry/trace-context.js";
import type { Tracing } from "../telemetry/tracing.js";
import { editFacts, encodeImage, encodePng, imageFacts } from "./encode-image.js";
import type { ImageObserver } from "./metrics.js";
import { previewOptions } from "./previews.js";

export interface WorkerDeps {
  readonly source: JobSource;
  /** By model name; the caller closes them. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly models: ModelRegistry;
  /** Images of one model that the worker holds at a time. */
  readonly maxImages: number;
  readonly logger: Logger;
  readonly observer?: ImageObserver;
  readonly tracing?: Tracing | undefined;
}

/** Starts taking images: each goes into its model's engine and comes back encoded. Stopping the source stops it. */
export async function startWorker(deps: WorkerDeps): Promise<void> {
  const { source, engines, models, maxImages, logger, observer, tracing } = deps;
  await source.start([...engines.keys()], maxImages, async (task, context) => {
    const { model } = task.spec;
    const ownLogger = logger.child(logFields(task));
    try {
      const image = await makeImage(task, context, engines.get(model)!, models.get(model)!, ownLogger);
      observer?.made(model, image);
      tracing?.traceImage({ ...task, timing: image.timing });
      ownLogger.debug({ tookMs: image.timing.total_ms }, "The image is done.");
      return image;
    } catch (error) {
      if (context.signal.aborted) {
        // The job has ended, or the image is handed back: the error means nothing.
        observer?.left(model);
        throw error;
      }
      if (error instanceof EngineLost) {
        observer?.left(model);
        throw new WorkerUnfit(error.message, { cause: error });
      }
      if (!(error instanceof ImageExpired)) {
        ownLogger.error({ err: error }, `Image ${task.imageIndex} could not be generated.`);
      }
      const failure = jobFailure(error, task.imageIndex);
      observer?.failed(model, failure?.error.code ?? "internal");
      tracing?.traceImage({ ...task, error: failure ?? error });
      throw failure ?? error;
    }
  });
}

/** Fields of every log line about the image: its job, and the request and the trace that the job came from. */
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
  { spec, imageIndex, canvas }: ImageTask,
  context: ImageContext,
  engine: Engine,
  manifest: Manifest,
  logger: Logger,
): Promise<StoredImage> {
  const { image_width, image_height } = manifest.architecture.tokenizer;
  const window = { width: image_width, height: image_height };
  const opened = spec.edit && canvas && (await openCanvas(canvas, spec.edit, manifest.architecture));
  const request = { parameters: spec.parameters, seed: spec.seed, imageIndex, ...(opened && { edit: opened.toEdit }) };
  const { acceptedMs, deadlineMs } = context;
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  const whole = (drawn: RgbImage) => opened?.paste(drawn) ?? drawn;
  const show = (pixels: Uint8Array) => encodePng(whole({ pixels, ...window }));
  const previews = previewOptions(imageIndex, context, show, logger);
  const onStep = (step: number, of: number) => context.progress(step, of);
  const generated = await engine.generate(request, { signal: context.signal, onStep, ...previews, ...deadline });
  const image = whole(generated);
  const bytes = await encodeImage(image, [...imageFacts(request, manifest), ...editFacts(spec.edit)], spec);
  const timing = imageTiming(acceptedMs, generated.timing, monotonicMs());
  const { width, height } = spec.output_size ?? image;
  return { bytes, contentType: `image/${spec.output_format}`, width, height, timing };
}

/** How an error of the engine fails the whole job, as the client sees it; undefined for any other error. */
function jobFailure(error: unknown, image: number): JobFailure | undefined {
  if (error instanceof ImageExpired) {
    const detail = `The job's deadline passed before image ${image} was done.`;
    return new JobFailure({ code: "deadline_exceeded", detail });
  }
  // The engine has already tried again where that could help.
  if (!(error instanceof EngineFailure)) return undefined;
  const detail = `Image ${image} could not be generated; the server's log says why.`;
  return new JobFailure({ code: "generation_failed", detail });
}

/**
 * One image's timing from four readings of the monotonic clock: accepted, submitted to the engine, pixels ready, stored. The
 * six spans cover the time between them without gaps, and the total is their sum.
 */
export function imageTiming(acceptedMs: number, engine: EngineTiming, storedMs: number): Timing {
  const spans = {
    queue_ms: span(acceptedMs, engine.submittedMs),
    batch_wait_ms: engine.batchWaitMs,
    transformer_ms: engine.transformerMs,
    diffusion_ms: engine.diffusionMs,
    decode_ms: engine.decodeMs,
    encode_ms: span(engine.finishedMs, storedMs),
  };
  return {
    ...spans,
    total_ms: Object.values(spans).reduce((sum, ms) => sum + ms),
    batch_size: engine.batchSize,
    ms_per_image: engine.msPerImage,
  };
}

/** A time is never negative, even if the clock of Redis was set back since the job was accepted. */
function span(from: number, to: number): number {
  return Math.max(0, to - from);
}
