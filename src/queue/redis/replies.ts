import { type JobRecord, type JobSpec, JobSpec as JobSpecSchema } from "../../job.js";
import { shownProgress } from "../progress.js";

const VERSION: number = JobSpecSchema.properties.version.const;

/**
 * The BullMQ queue of a model's jobs. A payload that workers of an older release can't read goes to a queue that they
 * don't know.
 */
export function queueName(model: string, version = VERSION): string {
  return version === 1 ? model : `${model}@${version}`;
}

/** The queues that a worker takes images from: API processes may be one release older than it. */
export function readableQueues(model: string): string[] {
  return [VERSION, VERSION - 1].filter((version) => version > 0).map((version) => queueName(model, version));
}

/** Whether only workers of a newer release can read what is in this queue. */
export function isNewer(queue: string): boolean {
  return Number(queue.split("@")[1] ?? 1) > VERSION;
}

/** The reverse of `queueName`. */
export function modelOf(queue: string): string {
  return queue.split("@")[0]!;
}

/** What viewJob in view.lua returns. */
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
