import { JOB_VERSION, type JobRecord, type JobSpec } from "../../job.js";
import {
  type CallerLimits,
  type ModelStatus,
  type QueueStatus,
  type SubmitResult,
  shownProgress,
  type Usage,
  type WorkerStatus,
} from "../queue.js";

/**
 * The BullMQ queue of a model's jobs. A payload that workers of an older release can't read goes to a queue that they
 * don't know.
 */
export function queueName(model: string, version: number = JOB_VERSION): string {
  return version === 1 ? model : `${model}@${version}`;
}

/** The queues that a worker takes images from: one for each version of a job, since API processes may be of an older release. */
export function readableQueues(model: string): string[] {
  return Array.from({ length: JOB_VERSION }, (_, at) => queueName(model, JOB_VERSION - at));
}

/** Whether only workers of a newer release can read what is in this queue. */
export function isNewer(queue: string): boolean {
  return Number(queue.split("@")[1] ?? 1) > JOB_VERSION;
}

/** The reverse of `queueName`. */
export function modelOf(queue: string): string {
  return queue.split("@")[0]!;
}

/** What viewJob in job-calls.lua returns. */
export type ViewReply = readonly [
  spec: string,
  state: JobRecord["state"],
  seq: string,
  steps: string | null,
  stepsOf: string | null,
  startedAt: string | null,
  finishedAt: string | null,
  expiresAt: string | null,
  images: string | null,
  error: string | null,
  position: number | null,
];

export function readRecord(reply: ViewReply): JobRecord {
  const [spec, state, seq, steps, stepsOf, startedAt, finishedAt, expiresAt, images, error, position] = reply;
  return {
    spec: JSON.parse(spec) as JobSpec,
    state,
    seq: Number(seq),
    images: images ? JSON.parse(images) : [],
    ...(stepsOf ? { progress: shownProgress(state, Number(steps), Number(stepsOf)) } : {}),
    ...(position === null ? {} : { position }),
    ...(startedAt ? { startedAt: Number(startedAt) } : {}),
    ...(finishedAt ? { finishedAt: Number(finishedAt) } : {}),
    ...(expiresAt ? { expiresAt: Number(expiresAt) } : {}),
    ...(error ? { error: JSON.parse(error) } : {}),
  };
}

type UsageReply = readonly [recentImages: number, resetS: number, unfinishedImages: number];
/** What `submit` in job-calls.lua returns. */
export type SubmitReply = readonly [kind: SubmitResult["kind"], detail: unknown, usage?: UsageReply];

export function readSubmit([kind, detail, usage]: SubmitReply): SubmitResult {
  switch (kind) {
    case "accepted":
    case "existing": {
      const record = readRecord(detail as ViewReply);
      return usage ? { kind, record, usage: readUsage(usage) } : { kind, record };
    }
    case "over_limit": {
      const [limit, retryAfterS, used] = detail as [keyof CallerLimits, number, UsageReply];
      return { kind, limit, retryAfterS, usage: readUsage(used) };
    }
    case "full":
    case "canvases_full":
      return { kind, retryAfterS: detail as number };
    default:
      return { kind };
  }
}

function readUsage([recentImages, resetS, unfinishedImages]: UsageReply): Usage {
  return { recentImages, resetS, unfinishedImages };
}

type QueueReply = readonly [
  name: string,
  waiting: number,
  running: number,
  draining: number,
  accepted: number,
  completed: number,
  failed: number,
  cancelled: number,
  images: number,
];

type WorkerReply = readonly [id: string, details: string | null, paused: number, running: number, queues: string[]];

/** What `status` in operator-calls.lua returns. */
export type StatusReply = readonly [queues: readonly QueueReply[], workers: readonly WorkerReply[], keptBytes: number];

/** A model has one queue for each version of the payload that is still in use: the status has their sums. */
export function readStatus(
  [queues, workers, keptBytes]: StatusReply,
  pausedQueues: ReadonlySet<string>,
): Omit<QueueStatus, "maxQueuedImages"> {
  const models = [...new Set(queues.map(([name]) => modelOf(name)))];
  return {
    keptBytes,
    models: models.map((model) => {
      const own = queues.filter(([name]) => modelOf(name) === model);
      const names = own.map(([name]) => name);
      const paused = names.some((name) => pausedQueues.has(name));
      return { ...sumOf(model, own), paused, workers: workers.filter((one) => serves(one, names)).map(readWorker) };
    }),
  };
}

function sumOf(model: string, queues: readonly QueueReply[]): Omit<ModelStatus, "workers" | "paused"> {
  const sum = (place: number) => queues.reduce((total, queue) => total + (queue[place] as number), 0);
  return {
    model,
    waiting: sum(1),
    running: sum(2),
    draining: sum(3) > 0,
    totals: { accepted: sum(4), completed: sum(5), failed: sum(6), cancelled: sum(7), images: sum(8) },
  };
}

function serves([, , , , served]: WorkerReply, queues: readonly string[]): boolean {
  return served.some((queue) => queues.includes(queue));
}

function readWorker([id, details, paused, running]: WorkerReply): WorkerStatus {
  // Workers of release 0.2 don't report their skew.
  const { skew = 0, ...place } = JSON.parse(details ?? "{}") as { host: string; pid: number; skew?: number };
  return { id, ...place, running, paused: paused === 1, skew };
}
