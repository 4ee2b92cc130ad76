import type { ModelStatus, QueueStatus, WorkerStatus } from "../queue.js";
import { modelOf } from "./replies.js";

type QueueReply = readonly [
  name: string,
  waiting: number,
  running: number,
  paused: number,
  draining: number,
  accepted: number,
  completed: number,
  failed: number,
  cancelled: number,
  images: number,
];

type WorkerReply = readonly [id: string, details: string | null, paused: number, running: number, queues: string[]];

/** What call-status.lua returns. */
export type StatusReply = readonly [queues: readonly QueueReply[], workers: readonly WorkerReply[], keptBytes: number];

/** A model has one queue for each version of the payload that is still in use: their sums are told. */
export function readStatus([queues, workers, keptBytes]: StatusReply): Omit<QueueStatus, "maxQueuedImages"> {
  const models = [...new Set(queues.map(([name]) => modelOf(name)))];
  return {
    keptBytes,
    models: models.map((model) => {
      const own = queues.filter(([name]) => modelOf(name) === model);
      const names = own.map(([name]) => name);
      return { ...sumOf(model, own), workers: workers.filter((one) => serves(one, names)).map(readWorker) };
    }),
  };
}

function sumOf(model: string, queues: readonly QueueReply[]): Omit<ModelStatus, "workers"> {
  const sum = (place: number) => queues.reduce((total, queue) => total + (queue[place] as number), 0);
  return {
    model,
    waiting: sum(1),
    running: sum(2),
    paused: sum(3) > 0,
    draining: sum(4) > 0,
    totals: { accepted: sum(5), completed: sum(6), failed: sum(7), cancelled: sum(8), images: sum(9) },
  };
}

function serves([, , , , served]: WorkerReply, queues: readonly string[]): boolean {
  return served.some((queue) => queues.includes(queue));
}

function readWorker([id, details, paused, running]: WorkerReply): WorkerStatus {
  const place = JSON.parse(details ?? "{}") as { host: string; pid: number };
  return { id, ...place, running, paused: paused === 1 };
}
