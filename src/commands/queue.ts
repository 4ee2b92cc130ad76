import { loadConfig } from "../config.js";
import type { ModelStatus } from "../queue/queue.js";
import type { QueueControl } from "../queue/redis/control.js";
import { openLogger } from "../telemetry/logging.js";
import { nearMisses } from "../validation/near-misses.js";
import { UsageError } from "./command-line.js";
import { type QueueAction, readQueueOptions } from "./queue-options.js";
import { queueTable } from "./queue-table.js";
import { redisUrl } from "./services/open-parts.js";

const USAGE = `marimba queue: what an operator sees of the queue in Redis (REDIS_URL), and does to it

  marimba queue status
  marimba queue pause --model demo
  marimba queue pause --worker ID

  status               waiting and running images of each model, and its live workers
  pause, resume        workers take no image meanwhile; jobs are accepted, and wait; images in the making are finished
  drain, undrain       new jobs are refused with 503 meanwhile; what was accepted is made

  --model NAME         only this model's queue; every model's when absent
  --worker ID          only this worker (pause and resume); status shows the ids
  --json               the state afterwards as JSON
`;

/** Runs `marimba queue`; returns the exit code. */
export async function runQueue(argv: string[]): Promise<number> {
  const options = readQueueOptions(argv);
  if (!options) {
    process.stdout.write(USAGE);
    return 0;
  }
  const config = loadConfig();
  const { openControl } = await import("../queue/redis/control.js");
  const { redisPrefix, logLevel } = config;
  const control = await openControl({ redisUrl: redisUrl(config, "queue"), redisPrefix }, openLogger(logLevel));
  try {
    const before = await control.status();
    const { action, model, worker, json } = options;
    if (worker !== undefined) await actOnWorker(control, action, knownWorker(worker, before));
    else for (const name of chosenModels(action, model, before)) await actOnModel(control, action, name);
    const after = (await control.status()).filter((status) => model === undefined || status.model === model);
    process.stdout.write(json ? `${JSON.stringify(after, undefined, 2)}\n` : queueTable(after));
  } finally {
    await control.close();
  }
  return 0;
}

async function actOnModel(control: QueueControl, action: QueueAction, model: string): Promise<void> {
  if (action !== "status") await control[action](model);
}

async function actOnWorker(control: QueueControl, action: QueueAction, worker: string): Promise<void> {
  if (action === "pause") await control.pauseWorker(worker);
  if (action === "resume") await control.resumeWorker(worker);
}

function chosenModels(action: QueueAction, model: string | undefined, status: readonly ModelStatus[]): string[] {
  const names = status.map(({ model }) => model);
  if (model !== undefined) return [known("model", model, names)];
  if (names.length === 0 && action !== "status") {
    throw new UsageError(`The queue knows no model yet, so there is nothing to ${action}: no worker was ever there.`);
  }
  return names;
}

function knownWorker(id: string, status: readonly ModelStatus[]): string {
  const ids = status.flatMap(({ workers }) => workers.map((worker) => worker.id));
  return known("worker", id, [...new Set(ids)]);
}

/** A mistyped name would change nothing, and nobody would notice. */
function known(kind: "model" | "worker", name: string, names: readonly string[]): string {
  if (names.includes(name)) return name;
  const [meant] = nearMisses(name, names);
  const hint = meant ? `did you mean ${meant}?` : `it knows ${names.length > 0 ? names.join(", ") : "none yet"}.`;
  throw new UsageError(`The queue knows no ${kind} ${JSON.stringify(name)}; ${hint}`);
}
