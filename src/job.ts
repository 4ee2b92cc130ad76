import Type, { type Static } from "typebox";
import { MAX_SEED, SamplingParameters } from "./model/parameters.js";

/** The contract between api and worker: what a job is, what it turns into, and how long each part took. */

export const JobState = Type.Union(
  [
    Type.Literal("queued"),
    Type.Literal("running"),
    Type.Literal("completed"),
    Type.Literal("failed"),
    Type.Literal("cancelled"),
  ],
  { description: "completed, failed and cancelled are final." },
);
export type JobState = Static<typeof JobState>;

export const Priority = Type.Union([Type.Literal("low"), Type.Literal("normal"), Type.Literal("high")]);
export type Priority = Static<typeof Priority>;

export const OutputFormat = Type.Union([Type.Literal("png")]);
export type OutputFormat = Static<typeof OutputFormat>;

const ms = (description: string) => Type.Number({ minimum: 0, description });

/**
 * Where the time went, in milliseconds. `queue + batch_wait + transformer + diffusion + decode + encode` is the total:
 * six spans, each measured by its own clock readings.
 */
export const Timing = Type.Object(
  {
    queue_ms: ms("From acceptance until the engine took the image in."),
    batch_wait_ms: ms("In the engine: before the first step, and while it worked on others' images between steps."),
    transformer_ms: ms("Transformer part of the image's steps: wall time of the whole batch's."),
    diffusion_ms: ms("Diffusion part of the image's steps, noise included."),
    decode_ms: ms("Latents to pixels."),
    encode_ms: ms("From pixels to stored PNG."),
    total_ms: ms("From acceptance to the stored PNG."),
    batch_size: Type.Number({ minimum: 0, description: "Mean number of images in flight over the image's steps." }),
    ms_per_image: ms("Engine time divided, step by step, by the images that shared it."),
  },
  { additionalProperties: false },
);
export type Timing = Static<typeof Timing>;

/** A job as it is queued: resolved, seeded and versioned; a worker needs nothing else. */
export const JobSpec = Type.Object(
  {
    version: Type.Literal(1),
    id: Type.String({ pattern: "^[A-Za-z0-9_-]{8,64}$" }),
    model: Type.String(),
    parameters: SamplingParameters,
    seed: Type.Integer({ minimum: 0, maximum: MAX_SEED }),
    num_images: Type.Integer({ minimum: 1 }),
    output_format: OutputFormat,
    priority: Priority,
    /** Epoch milliseconds. */
    accepted_at: Type.Number(),
    deadline_at: Type.Optional(Type.Number()),
  },
  { additionalProperties: false },
);
export type JobSpec = Static<typeof JobSpec>;

/** One finished image as the worker hands it to the queue. */
export interface StoredImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly timing: Timing;
}

/** Why a job failed or was cancelled: a code of the closed list in errors.ts and a sentence. */
export const JobError = Type.Object({ code: Type.String(), detail: Type.String() }, { additionalProperties: false });
export type JobError = Static<typeof JobError>;

/** What the queue knows of a job; the API turns it into the public resource by adding links. */
export interface JobRecord {
  readonly spec: JobSpec;
  readonly state: JobState;
  /** Autoregressive steps done by the image that is furthest behind, of how many; absent before the first. */
  readonly progress?: { readonly step: number; readonly of: number };
  /** Images ahead of this job's first while queued. */
  readonly position?: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** Epoch milliseconds after which the finished job and its images are gone. */
  readonly expiresAt?: number;
  /** One for each image of a completed job, in order. */
  readonly images: readonly { readonly width: number; readonly height: number; readonly timing: Timing }[];
  readonly error?: JobError;
}

export function isFinal(state: JobState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

/** A job's timing is that of the image that was stored last: the one its client waited for. */
export function jobTiming(record: JobRecord): Timing | undefined {
  let last: Timing | undefined;
  for (const image of record.images) if (!last || image.timing.total_ms > last.total_ms) last = image.timing;
  return last;
}
