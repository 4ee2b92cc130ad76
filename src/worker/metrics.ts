import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Engine, EngineStats, StepWork } from "../engine/engine.js";
import type { StoredImage } from "../job.js";
import type { Manifest } from "../model/manifest.js";
import { IMAGES, LONG_SECONDS, SHORT_SECONDS, TENTHS } from "../telemetry/process-metrics.js";

/** Told how every image ended that the worker took. */
export interface ImageObserver {
  made(model: string, image: StoredImage): void;
  /** It could not be made; `code` is the problem's. */
  failed(model: string, code: string): void;
  /** It had to leave: its job had ended, or it was handed back. */
  left(model: string): void;
}

/** The parts of an image's time that are work, as its timing names them. */
const PARTS = ["transformer", "diffusion", "decode", "encode"] as const;

/** What a worker tells Prometheus of its images, its engines and their steps. */
export class WorkerMetrics implements ImageObserver {
  readonly #registers: Registry[];
  readonly #made: Counter<"model">;
  readonly #failed: Counter<"model" | "code">;
  readonly #left: Counter<"model">;
  readonly #restarts: Counter<"model">;
  readonly #bytes: Counter<"model">;
  readonly #batchSize: Histogram<"model">;
  readonly #queueWait: Histogram<"model">;
  readonly #batchWait: Histogram<"model">;
  readonly #total: Histogram<"model">;
  readonly #share: Histogram<"model">;
  readonly #part: Histogram<"model" | "part">;
  readonly #stepPart: Histogram<"model" | "part">;
  readonly #stepImages: Histogram<"model">;
  readonly #stepFill: Histogram<"model">;
  readonly #info: Gauge<"model" | "hash" | "precision">;

  constructor(
    registry: Registry,
    private readonly engines: ReadonlyMap<string, Engine>,
  ) {
    this.#registers = [registry];
    this.#info = new Gauge({
      name: "marimba_model_info",
      help: "Always 1, for each model that is loaded and warm: the hash of its weights and graphs, and their precision.",
      labelNames: ["model", "hash", "precision"],
      registers: this.#registers,
    });
    this.#engineMetric(Gauge, "marimba_images_in_flight", "Images in the model's batch now.", "inFlight");
    this.#engineMetric(
      Gauge,
      "marimba_images_waiting",
      "Images that the worker took and that wait for a place in the batch.",
      "waiting",
    );
    this.#engineMetric(
      Gauge,
      "marimba_max_batch",
      "Places in the model's batch: MAX_BATCH, or what memory holds.",
      "maxBatch",
    );
    this.#engineMetric(
      Counter,
      "marimba_engine_run_seconds_total",
      "Time inside ONNX Runtime: its rate is the share of time that the engine is busy.",
      "runMs",
      1 / 1000,
    );
    this.#restarts = this.#counter(
      "marimba_engine_restarts_total",
      "Times that the model's engine died and was started again.",
    );
    this.#made = this.#counter("marimba_images_made_total", "Images that this worker made.");
    this.#failed = new Counter({
      name: "marimba_images_failed_total",
      help: "Images that could not be made, by the problem's code.",
      labelNames: ["model", "code"],
      registers: this.#registers,
    });
    this.#left = this.#counter(
      "marimba_images_left_total",
      "Images given up: their job had ended, or they were handed back.",
    );
    this.#bytes = this.#counter("marimba_results_made_bytes_total", "Bytes of the pictures that this worker made.");
    this.#batchSize = this.#histogram(
      "marimba_image_batch_size",
      "Mean number of images in flight over an image's steps.",
      IMAGES,
    );
    this.#queueWait = this.#histogram(
      "marimba_image_queue_wait_seconds",
      "From a job's acceptance until the engine took the image in.",
      LONG_SECONDS,
    );
    this.#batchWait = this.#histogram(
      "marimba_image_batch_wait_seconds",
      "In the engine: before the first step, and while it worked on others' images between steps.",
      LONG_SECONDS,
    );
    this.#total = this.#histogram(
      "marimba_image_duration_seconds",
      "From a job's acceptance to the image's stored picture.",
      LONG_SECONDS,
    );
    this.#share = this.#histogram(
      "marimba_image_engine_share_seconds",
      "Time per image: the engine's time divided, step by step, by the images that shared it.",
      SHORT_SECONDS,
    );
    this.#part = this.#histogramByPart(
      "marimba_image_part_duration_seconds",
      "An image's time by part: transformer and diffusion over all its steps, decode, encode.",
      LONG_SECONDS,
    );
    this.#stepPart = this.#histogramByPart(
      "marimba_step_part_duration_seconds",
      "One autoregressive step of the whole batch by part: transformer, diffusion.",
      SHORT_SECONDS,
    );
    this.#stepImages = this.#histogram(
      "marimba_step_batch_size",
      "Images that took an autoregressive step together.",
      IMAGES,
    );
    this.#stepFill = this.#histogram(
      "marimba_step_batch_fill_ratio",
      "Images in a step as a share of the places in the batch.",
      TENTHS,
    );
  }

  /** The model is loaded and warm. */
  loaded({ name: model, hash, precision }: Pick<Manifest, "name" | "hash" | "precision">): void {
    this.#info.set({ model, hash, precision }, 1);
    // A counter that begins at its first event hides that event from rates.
    for (const counter of [this.#restarts, this.#made, this.#left, this.#bytes]) counter.inc({ model }, 0);
  }

  restarted(model: string): void {
    this.#restarts.inc({ model });
  }

  /** One autoregressive step of a model's batch. */
  stepped(model: string, { images, transformerMs, diffusionMs }: StepWork): void {
    this.#stepPart.observe({ model, part: "transformer" }, transformerMs / 1000);
    this.#stepPart.observe({ model, part: "diffusion" }, diffusionMs / 1000);
    this.#stepImages.observe({ model }, images);
    const engine = this.engines.get(model);
    if (engine) this.#stepFill.observe({ model }, images / engine.stats().maxBatch);
  }

  made(model: string, { timing, bytes }: StoredImage): void {
    this.#made.inc({ model });
    this.#bytes.inc({ model }, bytes.byteLength);
    this.#batchSize.observe({ model }, timing.batch_size);
    this.#queueWait.observe({ model }, timing.queue_ms / 1000);
    this.#batchWait.observe({ model }, timing.batch_wait_ms / 1000);
    this.#total.observe({ model }, timing.total_ms / 1000);
    this.#share.observe({ model }, timing.ms_per_image / 1000);
    for (const part of PARTS) this.#part.observe({ model, part }, timing[`${part}_ms`] / 1000);
  }

  failed(model: string, code: string): void {
    this.#failed.inc({ model, code });
  }

  left(model: string): void {
    this.#left.inc({ model });
  }

  #counter(name: string, help: string): Counter<"model"> {
    return new Counter({ name, help, labelNames: ["model"], registers: this.#registers });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram<"model"> {
    return new Histogram({ name, help, labelNames: ["model"], buckets, registers: this.#registers });
  }

  #histogramByPart(name: string, help: string, buckets: number[]): Histogram<"model" | "part"> {
    return new Histogram({ name, help, labelNames: ["model", "part"], buckets, registers: this.#registers });
  }

  /** A number that the engines tell when they are asked. */
  #engineMetric(
    Kind: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    of: keyof EngineStats,
    unit = 1,
  ): void {
    const { engines } = this;
    const metric: Gauge | Counter = new Kind({
      name,
      help,
      labelNames: ["model"],
      registers: this.#registers,
      collect() {
        metric.reset();
        for (const [model, engine] of engines) metric.inc({ model }, engine.stats()[of] * unit);
      },
    });
  }
}
