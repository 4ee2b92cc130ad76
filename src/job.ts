import Type, { type Static } from "typebox";
import { Edit } from "./model/edit.js";
import { MAX_SEED, SamplingParameters } from "./model/parameters.js";
import { Quality } from "./model/quality.js";

/** The contract between API and worker: a job, its results, and how long each part took. */

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

export const Priority = Type.Union([Type.Literal("low"), Type.Literal("normal"), Type.Literal("high")], {
  description:
    "The job's share while jobs of several priorities wait: of 13 images, 9 are high, 3 normal, 1 low; no priority starves. normal when absent.",
});
export type Priority = Static<typeof Priority>;

export const OutputFormat = Type.Union([Type.Literal("png"), Type.Literal("jpeg"), Type.Literal("webp")], {
  description: "What images are encoded as; png when absent, or what the `Accept` header asks for.",
});
export type OutputFormat = Static<typeof OutputFormat>;

export const BEST_COMPRESSION = 100;
export const OutputCompression = Type.Integer({
  minimum: 0,
  maximum: BEST_COMPRESSION,
  description:
    "Quality of a JPEG or WebP, as OpenAI names it: 0 for the smallest file, 100, when absent, for the best image.",
});

/** Longest side of an image, in pixels. */
export const MAX_SIDE = 2048;
const side = (description: string) => Type.Integer({ minimum: 1, maximum: MAX_SIDE, description });

export const Scaling = Type.Union([Type.Literal("smooth"), Type.Literal("pixelated")], {
  description:
    "How images are scaled to `width` and `height`. smooth (when absent): Lanczos to smaller sizes, bicubic to larger ones. pixelated: whole multiples of the model's size, with sharp edges.",
});

/** The size that a job's images are scaled to. */
export const OutputSize = Type.Object({ width: side("Pixels."), height: side("Pixels."), scaling: Scaling });
export type OutputSize = Static<typeof OutputSize>;

/** All but the class, which a request may also name. */
const Sampling = Type.Partial(Type.Omit(SamplingParameters, ["class"]));

/** A request, over HTTP or on the command line. Absent fields come from the preset, then from the model's defaults. */
export const GenerateRequest = Type.Object(
  {
    class: Type.Union([Type.Integer({ minimum: 0 }), Type.String({ minLength: 1, maxLength: 200 }), Type.Null()], {
      description: "Index, name or id of one of the model's classes (case-insensitive); null for none.",
    }),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: MAX_SEED, description: "Random when absent; the response states it." }),
    ),
    num_images: Type.Optional(
      Type.Integer({ minimum: 1, description: "How many images to generate from the seed; 1 when absent." }),
    ),
    ...Sampling.properties,
    preset: Type.Optional(
      Type.String({ minLength: 1, maxLength: 32, description: "A preset of the model. Other fields override it." }),
    ),
    quality: Type.Optional(Quality),
    model: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "The server's default model when absent." }),
    ),
    output_format: Type.Optional(OutputFormat),
    output_compression: Type.Optional(OutputCompression),
    width: Type.Optional(
      side("Pixels. The image is generated in the model's size and scaled; `height` alone keeps its proportions."),
    ),
    height: Type.Optional(side("Pixels. `width` alone keeps the proportions of the model's size.")),
    scaling: Type.Optional(Scaling),
    priority: Type.Optional(Priority),
    deadline_ms: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400_000,
        description: "The job fails if it has not finished this many milliseconds after acceptance.",
      }),
    ),
    webhook_url: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: "An https address to notify when the job ends; requests are signed as in Standard Webhooks.",
      }),
    ),
    response_format: Type.Optional(
      Type.Union([Type.Literal("link"), Type.Literal("base64")], {
        description: "Whether a finished job's JSON links to its images or contains them; link when absent.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type GenerateRequest = Static<typeof GenerateRequest>;

const ms = (description: string) => Type.Number({ minimum: 0, description });

/** The spans of an image's time, in order. */
export const TIMING_SPANS = ["queue", "batch_wait", "transformer", "diffusion", "decode", "encode"] as const;

/** Where the time went, in milliseconds. The six spans add up to the total; each is measured by its own clock readings. */
export const Timing = Type.Object(
  {
    queue_ms: ms("From acceptance until the image entered the engine."),
    batch_wait_ms: ms("In the engine, before the first step and between steps while it worked on other images."),
    transformer_ms: ms("Transformer part of the image's steps: wall time of the whole batch."),
    diffusion_ms: ms("Diffusion part of the image's steps, including noise."),
    decode_ms: ms("Latents to pixels; of an edit also its image to latents."),
    encode_ms: ms("From pixels to the stored image."),
    total_ms: ms("From acceptance to the stored image."),
    batch_size: Type.Number({ minimum: 0, description: "Mean number of images in the batch over the image's steps." }),
    ms_per_image: ms("Engine time, each step's divided by the number of images that shared it."),
  },
  { additionalProperties: false },
);
export type Timing = Static<typeof Timing>;

/** Of the jobs that this release accepts. It reads all earlier ones, too. */
export const JOB_VERSION = 3;

/** A job as it is queued: resolved, seeded and versioned; a worker needs nothing else. */
export const JobSpec = Type.Object(
  {
    version: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(JOB_VERSION)]),
    id: Type.String({ pattern: "^[A-Za-z0-9_-]{8,64}$" }),
    model: Type.String(),
    parameters: SamplingParameters,
    seed: Type.Integer({ minimum: 0, maximum: MAX_SEED }),
    num_images: Type.Integer({ minimum: 1 }),
    /** The preset that the parameters come from. */
    preset: Type.Optional(Type.String()),
    /** Others than png since version 3. */
    output_format: OutputFormat,
    /** Of a JPEG or WebP. */
    output_compression: Type.Optional(OutputCompression),
    /** Absent: the model's own size. Since version 2. */
    output_size: Type.Optional(OutputSize),
    /** Absent: the images are generated from nothing. Since version 3. */
    edit: Type.Optional(Edit),
    priority: Priority,
    /** Epoch milliseconds on the queue's clock. */
    accepted_at: Type.Number(),
    deadline_at: Type.Optional(Type.Number()),
    /** Opaque id of the caller, the same for all its requests: callers take turns by it. */
    caller: Type.Optional(Type.String({ maxLength: 200 })),
    /** Notified when the job ends. */
    webhook_url: Type.Optional(Type.String()),
    /** The request's id, for the logs of every process that works on the job. */
    request_id: Type.Optional(Type.String({ maxLength: 64 })),
    /** W3C Trace Context of the request. */
    traceparent: Type.Optional(Type.String({ maxLength: 64 })),
  },
  // A newer API may add fields that an older worker can ignore. A field that it must understand raises the version.
  { additionalProperties: true },
);
export type JobSpec = Static<typeof JobSpec>;

/** A job to accept. The queue adds the times, because only its own clock counts. */
export type NewJob = Omit<JobSpec, "accepted_at" | "deadline_at"> & {
  /** The job fails if it has not finished this long after acceptance. */
  readonly deadline_ms?: number;
};

/** One finished image as the worker hands it to the queue. */
export interface StoredImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly timing: Timing;
}

/** Why a job failed or was cancelled: a code from errors.ts and a sentence. */
export const JobError = Type.Object({ code: Type.String(), detail: Type.String() }, { additionalProperties: false });
export type JobError = Static<typeof JobError>;

/** The queue's record of a job; the API makes the public resource from it. */
export interface JobRecord {
  readonly spec: JobSpec;
  readonly state: JobState;
  /** 1 until the job starts; grows with every change. It is the id of the job's events. */
  readonly seq: number;
  /** Autoregressive steps done and in total, over all its images; absent before the first. */
  readonly progress?: { readonly step: number; readonly of: number };
  /** While queued: images ahead of this job's first. */
  readonly position?: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** Epoch milliseconds at which the finished job and its images are deleted. */
  readonly expiresAt?: number;
  /** The images of a completed job, in order; empty before. */
  readonly images: readonly { readonly width: number; readonly height: number; readonly timing: Timing }[];
  readonly error?: JobError;
}

/** An unfinished image, decoded from the tokens that it has so far. */
export interface Preview {
  readonly imageIndex: number;
  readonly step: number;
  readonly of: number;
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

export function isFinal(state: JobState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

/** The timing of the image that was stored last, which is the one that the client waited for. */
export function jobTiming(record: JobRecord): Timing | undefined {
  let last: Timing | undefined;
  for (const image of record.images) if (!last || image.timing.total_ms > last.total_ms) last = image.timing;
  return last;
}
