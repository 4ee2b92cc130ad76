import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { StoredImage } from "../job.js";
import type { Engine, EngineStats } from "../model/engine/engine.js";

/** Told how every image ended that the worker took. */
export interface ImageObserver {
  made(model: string, image: StoredImage): void;
  /** It could not be made; `code` is the problem's. */
  failed(model: string, code: string): void;
  /** It had to leave: its job had ended, or it was handed back. */
  left(model: string): void;
}

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** What a worker tells Prometheus of itself, beside the process's own numbers. */
export class WorkerMetrics implements ImageObserver {
  readonly #registry = new Registry();
  readonly #made: Counter<"model">;
  readonly #failed: Counter<"model" | "code">;
  readonly #left: Counter<"model">;
  readonly #batchSize: Histogram<"model">;

  constructor(engines: ReadonlyMap<string, Engine>) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#engineGauge(engines, "marimba_images_in_flight", "Images in the model's batch now.", "inFlight");
    this.#engineGauge(engines, "marimba_images_waiting", "Images taken that wait for a place in the batch.", "waiting");
    this.#engineGauge(engines, "marimba_max_batch", "Places in the model's batch.", "maxBatch");
    this.#made = new Counter({
      name: "marimba_images_made_total",
      help: "Images that this worker finished.",
      labelNames: ["model"],
      registers,
    });
    this.#failed = new Counter({
      name: "marimba_images_failed_total",
      help: "Images that could not be made, by the problem's code.",
      labelNames: ["model", "code"],
      registers,
    });
    this.#left = new Counter({
      name: "marimba_images_left_total",
      help: "Images given up: their job had ended, or they were handed back.",
      labelNames: ["model"],
      registers,
    });
    this.#batchSize = new Histogram({
      name: "marimba_image_batch_size",
      help: "Mean number of images in flight over an image's steps.",
      labelNames: ["model"],
      buckets: BATCH_SIZES,
      registers,
    });
  }

  made(model: string, { timing }: StoredImage): void {
    this.#made.inc({ model });
    this.#batchSize.observe({ model }, timing.batch_size);
  }

  failed(model: string, code: string): void {
    this.#failed.inc({ model, code });
  }

  left(model: string): void {
    this.#left.inc({ model });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #engineGauge(engines: ReadonlyMap<string, Engine>, name: string, help: string, of: keyof EngineStats): void {
    new Gauge({
      name,
      help,
      labelNames: ["model"],
      registers: [this.#registry],
      collect() {
        for (const [model, engine] of engines) this.set({ model }, engine.stats()[of]);
      },
    });
  }
}
