import { Counter, Gauge, type Registry } from "prom-client";
import type { Config } from "../../config.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { JobQueue, ModelStatus, QueueStatus } from "../../queue/queue.js";

/** A scrape must not wait for a hanging queue. */
const ANSWER_MS = 2000;

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Metrics of the whole queue, read at each scrape. Every API process of a queue reports the same numbers, so they must not
 * be summed over processes. While the queue is not reachable there is only `marimba_queue_up`.
 */
export function addQueueMetrics(
  registry: Registry,
  queue: JobQueue,
  models: ModelRegistry,
  { maxResultBytes }: Pick<Config, "maxResultBytes">,
): void {
  const ask = sharedStatus(queue);
  const add = (
    Kind: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    read: (status: QueueStatus) => Sample[],
    labelNames: string[] = ["model"],
  ) => {
    const metric: Gauge | Counter = new Kind({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const status = await ask();
        // Without labels, a reset would leave a 0 that was never measured.
        if (labelNames.length === 0) metric.remove();
        else metric.reset();
        if (status) for (const { labels = {}, value } of read(status)) metric.inc(labels, value);
      },
    });
  };
  // Only registered models become labels, whatever other processes put into the queue.
  const ofModels = (read: (model: ModelStatus) => Sample[]) => (status: QueueStatus) =>
    status.models.filter(({ model }) => models.get(model)).flatMap(read);
  const ofModel = (value: (model: ModelStatus) => number) =>
    ofModels((one) => [{ labels: { model: one.model }, value: value(one) }]);
  const byState = (values: (model: ModelStatus) => Readonly<Record<string, number>>) =>
    ofModels((one) =>
      Object.entries(values(one)).map(([state, value]) => ({ labels: { model: one.model, state }, value })),
    );
  const whole = (value: (status: QueueStatus) => number) => (status: QueueStatus) => [{ value: value(status) }];

  new Gauge({
    name: "marimba_queue_up",
    help: "Whether the queue is reachable: 1 or 0.",
    registers: [registry],
    async collect() {
      this.set((await ask()) ? 1 : 0);
    },
  });
  add(
    Gauge,
    "marimba_queue_images",
    "Images in the queue now, by state: waiting for a worker, or running on one.",
    byState(({ waiting, running }) => ({ waiting, running })),
    ["model", "state"],
  );
  add(
    Gauge,
    "marimba_queue_capacity_images",
    "Images that may wait, over all models (MAX_QUEUED_IMAGES).",
    whole(({ maxQueuedImages }) => maxQueuedImages),
    [],
  );
  add(
    Gauge,
    "marimba_queue_workers",
    "Live workers that serve the model.",
    ofModel(({ workers }) => workers.length),
  );
  add(
    Gauge,
    "marimba_queue_clock_skew_seconds",
    "Most that the clock of a live worker differs from the queue's.",
    ofModel(({ workers }) => Math.max(0, ...workers.map(({ skew }) => Math.abs(skew)))),
  );
  add(
    Gauge,
    "marimba_queue_paused",
    "Whether an operator paused the model's queue.",
    ofModel(({ paused }) => Number(paused)),
  );
  add(
    Gauge,
    "marimba_queue_draining",
    "Whether an operator is draining the model's queue.",
    ofModel(({ draining }) => Number(draining)),
  );
  add(
    Counter,
    "marimba_jobs_accepted_total",
    "Jobs accepted, over all processes.",
    ofModel(({ totals }) => totals.accepted),
  );
  add(
    Counter,
    "marimba_jobs_ended_total",
    "Jobs that ended, over all processes, by state: completed, failed or cancelled.",
    byState(({ totals: { completed, failed, cancelled } }) => ({ completed, failed, cancelled })),
    ["model", "state"],
  );
  add(
    Counter,
    "marimba_images_stored_total",
    "Images stored, over all processes; an image that was generated twice counts once.",
    ofModel(({ totals }) => totals.images),
  );
  add(
    Gauge,
    "marimba_results_stored_bytes",
    "Bytes that finished jobs and their images take now.",
    whole(({ keptBytes }) => keptBytes),
    [],
  );
  const bound = new Gauge({
    name: "marimba_results_max_bytes",
    help: "Bytes that finished jobs and their images may take (MAX_RESULT_BYTES).",
    registers: [registry],
  });
  bound.set(maxResultBytes);
}

/** One read for all metrics of a scrape; undefined if the queue does not answer in time. */
function sharedStatus(queue: JobQueue): () => Promise<QueueStatus | undefined> {
  let asked: Promise<QueueStatus | undefined> | undefined;
  return () => {
    asked ??= withinTime(queue.status()).finally(() => {
      asked = undefined;
    });
    return asked;
  };
}

async function withinTime(status: Promise<QueueStatus>): Promise<QueueStatus | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_MS);
  });
  try {
    return await Promise.race([status, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    status.catch(() => {});
  }
}
