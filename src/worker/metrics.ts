import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Engine, EngineStats, StepWork } from "../engine/engine.js";
import type { StoredImage } from "../job.js";
import type { Manifest } from "../model/manifest.js";
import { IMAGES, LONG_SECONDS, SHORT_SECONDS, TENTHS } from "../telemetry/process-metrics.js";

/** Notified of how each image that the worker took has ended. */
export interface ImageObserver {
  made(model: string, image: StoredImage): void;
  /** It could not be generated; `code` is the problem's. */
  failed(model: string, code: string): void;
  /** It was given up: its job had ended, or it was handed back. */
  left(model: string): void;
}

/** The parts of an image's time that are work, as its timing names them. */
const PARTS = ["transformer", "diffusion", "decode", "encode"] as const;

/** A worker's metrics of its images, its engines and their steps. */
export class WorkerMetrics implements ImageObserver {
  readonly #metrics: ReturnType<typeof defineMetrics>;

  constructor(
    registry: Registry,
    private readonly engines: ReadonlyMap<string, Engine>,
  ) {
    defineEngineMetrics(registry, engines);
    this.#metrics = defineMetrics(registry);
  }

  /** The model is loaded and warm. */
  loaded({ name: model, hash, precision }: Pick<Manifest, "name" | "hash" | "precision">): void {
    const { info, restarts, made, left, bytes } = this.#metrics;
    info.set({ model, hash, precision }, 1);
    // A counter that begins at its first event hides that event from rates.
    for (const counter of [restarts, made, left, bytes]) counter.inc({ model }, 0);
  }

  restarted(model: string): void {
    this.#metrics.restarts.inc({ model });
  }

  /** One autoregressive step of a model's batch. */
  stepped(model: string, { images, transformerMs, diffusionMs }: StepWork): void {
    const { stepPart, stepImages, stepFill } = this.#metrics;
    stepPart.observe({ model, part: "transformer" }, transformerMs / 1000);
    stepPart.observe({ model, part: "diffusion" }, diffusionMs / 1000);
    stepImages.observe({ model }, images);
    const engine = this.engines.get(model);
    if (engine) stepFill.observe({ model }, images / engine.stats().maxBatch);
  }

  made(model: string, { timing, bytes }: StoredImage): void {
    const metrics = this.#metrics;
    metrics.made.inc({ model });
    metrics.bytes.inc({ model }, bytes.byteLength);
    metrics.batchSize.observe({ model }, timing.batch_size);
    metrics.queueWait.observe({ model }, timing.queue_ms / 1000);
    metrics.batchWait.observe({ model }, timing.batch_wait_ms / 1000);
    metrics.total.observe({ model }, timing.total_ms / 1000);
    metrics.share.observe({ model }, timing.ms_per_image / 1000);
    for (const part of PARTS) metrics.part.observe({ model, part }, timing[`${part}_ms`] / 1000);
  }

  failed(model: string, code: string): void {
    this.#metrics.failed.inc({ model, code });
  }

  left(model: string): void {
    this.#metrics.left.inc({ model });
  }
}

function defineMetrics(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames: ["model"], registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames: ["model"], buckets, registers });
  const histogramByPart = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, labelNames: ["model", "part"], buckets, registers });
  return {
    info: new Gauge({
      name: "marimba_model_info",
      help: "Always 1, for each model that is loaded and warm: the hash of its weights and graphs, and their precision.",
      labelNames: ["model", "hash", "precision"],
      registers,
    }),
    restarts: counter("marimba_engine_restarts_total", "Times that the model's engine died and was restarted."),
    made: counter("marimba_images_made_total", "Images that this worker generated."),
    failed: new Counter({
      name: "marimba_images_failed_total",
      help: "Images that could not be generated, by the problem's code.",
      labelNames: ["model", "code"],
      registers,
    }),
    left: counter("marimba_images_left_total", "Images given up: their job had ended, or they were handed back."),
    bytes: counter("marimba_results_made_bytes_total", "Bytes of the images that this worker generated."),
    batchSize: histogram("marimba_image_batch_size", "Mean number of images in flight over an image's steps.", IMAGES),
    queueWait: histogram(
      "marimba_image_queue_wait_seconds",
      "From a job's acceptance until the engine took the image.",
      LONG_SECONDS,
    ),
    batchWait: histogram(
      "marimba_image_batch_wait_seconds",
      "In the engine: before the first step, and between steps while it worked on other images.",
      LONG_SECONDS,
    ),
    total: histogram("marimba_image_duration_seconds", "From a job's acceptance to the stored image.", LONG_SECONDS),
    share: histogram(
      "marimba_image_engine_share_seconds",
      "Time per image: the engine's time divided, step by step, by the images that shared it.",
      SHORT_SECONDS,
    ),
    part: histogramByPart(
      "marimba_image_part_duration_seconds",
      "An image's time by part: transformer and diffusion over all its steps, decode, encode.",
      LONG_SECONDS,
    ),
    stepPart: histogramByPart(
      "marimba_step_part_duration_seconds",
      "One autoregressive step of the whole batch by part: transformer, diffusion.",
      SHORT_SECONDS,
    ),
    stepImages: histogram("marimba_step_batch_size", "Images that took an autoregressive step together.", IMAGES),
    stepFill: histogram(
      "marimba_step_batch_fill_ratio",
      "Images in a step as a share of the places in the batch.",
      TENTHS,
    ),
  };
}

/** Metrics that are read from the engines at each scrape. */
function defineEngineMetrics(registry: Registry, engines: ReadonlyMap<string, Engine>): void {
  const define = (Kind: typeof Gauge | typeof Counter, name: string, help: string, of: keyof EngineStats, unit = 1) => {
    const metric: Gauge | Counter = new Kind({
      name,
      help,
      labelNames: ["model"],
      registers: [registry],
      collect() {
        metric.reset();
        for (const [model, engine] of engines) metric.inc({ model }, engine.stats()[of] * unit);
      },
    });
  };
  define(Gauge, "marimba_images_in_flight", "Images in the model's batch now.", "inFlight");
  define(
    Gauge,
    "marimba_images_waiting",
    "Images that the worker took and that wait for a place in the batch.",
    "waiting",
  );
  define(Gauge, "marimba_max_batch", "Places in the model's batch: MAX_BATCH, or what memory holds.", "maxBatch");
  const busy = "Time inside ONNX Runtime: its rate is the share of time that the engine is busy.";
  define(Counter, "marimba_engine_run_seconds_total", busy, "runMs", 1 / 1000);
}
