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

const Parameter = SamplingParameters.properties;

/** What a client may ask for, on the wire and on the command line. Absent fields: the preset's, else the model's. */
export const GenerateRequest = Type.Object(
  {
    class: Type.Union([Type.Integer({ minimum: 0 }), Type.String({ minLength: 1, maxLength: 200 }), Type.Null()], {
      description: "Class index, name or id of the model's classes (case-insensitive); null for none.",
    }),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: MAX_SEED, description: "Drawn, and told in the answer, when absent." }),
    ),
    num_images: Type.Optional(Type.Integer({ minimum: 1, description: "Images from one seed; 1 when absent." })),
    steps: Type.Optional(Parameter.steps),
    guidance_scale: Type.Optional(Parameter.guidance_scale),
    guidance_schedule: Type.Optional(Parameter.guidance_schedule),
    temperature: Type.Optional(Parameter.temperature),
    diffusion_steps: Type.Optional(Parameter.diffusion_steps),
    diffusion_steps_final: Parameter.diffusion_steps_final,
    max_timestep: Type.Optional(Parameter.max_timestep),
    order: Type.Optional(Parameter.order),
    reconstruction_steps: Parameter.reconstruction_steps,
    preset: Type.Optional(
      Type.String({ minLength: 1, maxLength: 32, description: "A preset of the model; other fields override it." }),
    ),
    model: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "The server's default model when absent." }),
    ),
    output_format: Type.Optional(OutputFormat),
    priority: Type.Optional(Priority),
    deadline_ms: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 86_400_000,
        description: "The job fails when it is not done this many milliseconds after acceptance.",
      }),
    ),
    webhook_url: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: "An https address that is told when the job has ended; signed as Standard Webhooks.",
      }),
    ),
    response_format: Type.Optional(
      Type.Union([Type.Literal("link"), Type.Literal("base64")], {
        description: "Whether a finished job's JSON links to its images or holds them; link when absent.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type GenerateRequest = Static<typeof GenerateRequest>;

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
    /** Who asked, for fairness between callers: opaque, the same for all requests of one caller. */
    caller: Type.Optional(Type.String({ maxLength: 200 })),
    /** Told when the job has ended. */
    webhook_url: Type.Optional(Type.String()),
    /** The request's id, for logs of every process that works on the job. */
    request_id: Type.Optional(Type.String({ maxLength: 64 })),
    /** W3C Trace Context of the request. */
    traceparent: Type.Optional(Type.String({ maxLength: 64 })),
  },
  // A newer API may add fields that an older worker has no use for; what it must understand raises the version.
  { additionalProperties: true },
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
  /** 1 while the job has not begun; rises with every change: the id of its events. */
  readonly seq: number;
  /** Autoregressive steps done, over all its images, of how many; absent before the first. */
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

/** A picture decoded from the tokens that an image in the making has so far. */
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

/** A job's timing is that of the image that was stored last: the one its client waited for. */
export function jobTiming(record: JobRecord): Timing | undefined {
  let last: Timing | undefined;
  for (const image of record.images) if (!last || image.timing.total_ms > last.total_ms) last = image.timing;
  return last;
}
