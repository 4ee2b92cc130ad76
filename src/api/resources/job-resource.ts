import Type, { type Static } from "typebox";
import { PROBLEMS, Problem, type ProblemCode } from "../../errors.js";
import { JobError, type JobRecord, JobState, jobTiming, Timing } from "../../job.js";
import { SamplingParameters } from "../../model/parameters.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { JobQueue } from "../../queue/queue.js";

/** A job as clients see it. */

const time = (description: string) => Type.String({ format: "date-time", description });
const path = (description: string) => Type.String({ format: "uri-reference", description });

const JobImage = Type.Object({
  index: Type.Integer({ minimum: 0, description: "Images count from 0." }),
  url: path("Where its bytes are."),
  width: Type.Integer({ description: "Pixels." }),
  height: Type.Integer({ description: "Pixels." }),
  content_type: Type.String({ description: "The bytes' media type, such as image/png." }),
  timing: Timing,
  base64: Type.Optional(Type.String({ contentEncoding: "base64", description: "The bytes, with `response_format`." })),
});

export const JobResource = Type.Object(
  {
    id: Type.String({ description: "Names the job in every address." }),
    state: JobState,
    model: Type.String({ description: "The model that makes the images." }),
    parameters: Type.Object(
      {
        ...SamplingParameters.properties,
        class_name: Type.Union([Type.String(), Type.Null()], { description: "The class by name." }),
      },
      { description: "What the images are made with: the request's fields, then the preset's, then the model's." },
    ),
    seed: Type.Integer({ description: "The request's, or the one that was drawn. With it the pictures repeat." }),
    num_images: Type.Integer({ minimum: 1, description: "How many images the job makes." }),
    created_at: time("When the request was accepted."),
    started_at: Type.Optional(time("When the first image was taken in.")),
    finished_at: Type.Optional(time("When the job became final.")),
    expires_at: Type.Optional(time("When a final job and its images are forgotten.")),
    position: Type.Optional(Type.Integer({ minimum: 0, description: "While queued: the images ahead." })),
    progress: Type.Optional(
      Type.Object(
        { step: Type.Integer(), of: Type.Integer() },
        { description: "Autoregressive steps done, over all images, of how many." },
      ),
    ),
    images: Type.Array(JobImage, { description: "Those of a completed job; empty before." }),
    timing: Type.Optional(Type.Unsafe<Timing>({ ...Timing, description: "Of the image that was done last." })),
    error: Type.Optional(Type.Unsafe<JobError>({ ...JobError, description: "Why it failed or was cancelled." })),
    links: Type.Object({ self: path("This job."), model: path("Its model.") }),
  },
  { description: "A request that was accepted, and what became of it." },
);
export type JobResource = Static<typeof JobResource>;

export function jobResource(record: JobRecord, models: ModelRegistry): JobResource {
  const { spec } = record;
  const { class: classIndex, ...parameters } = spec.parameters;
  const timing = jobTiming(record);
  return {
    id: spec.id,
    state: record.state,
    model: spec.model,
    parameters: { class: classIndex, class_name: className(record, models), ...parameters },
    seed: spec.seed,
    num_images: spec.num_images,
    created_at: isoTime(spec.accepted_at),
    ...(record.startedAt !== undefined && { started_at: isoTime(record.startedAt) }),
    ...(record.finishedAt !== undefined && { finished_at: isoTime(record.finishedAt) }),
    ...(record.expiresAt !== undefined && { expires_at: isoTime(record.expiresAt) }),
    ...(record.state === "queued" && record.position !== undefined && { position: record.position }),
    ...(record.progress && { progress: record.progress }),
    images: record.images.map(({ width, height, timing }, index) => ({
      index,
      url: imagePath(spec.id, index),
      width,
      height,
      content_type: `image/${spec.output_format}`,
      timing,
    })),
    ...(timing && { timing }),
    ...(record.error && { error: record.error }),
    links: { self: jobPath(spec.id), model: `/models/${spec.model}` },
  };
}

/** Fills in `base64` for the images that there are. */
export async function embedImages(job: JobResource, queue: JobQueue): Promise<JobResource> {
  const images = job.images.map(async (image) => {
    const stored = await queue.image(job.id, image.index);
    return stored ? { ...image, base64: Buffer.from(stored.bytes).toString("base64") } : image;
  });
  return { ...job, images: await Promise.all(images) };
}

export function jobPath(id: string): string {
  return `/jobs/${id}`;
}

export function imagePath(id: string, index: number): string {
  return `${jobPath(id)}/images/${index}`;
}

/** The problem that a job which ended without pictures stands for, where the status may say it all. */
export function jobProblem(record: JobRecord): Problem {
  const { code, detail } = record.error ?? { code: "generation_failed", detail: "The job ended without pictures." };
  // Another release's worker may know codes that this one doesn't.
  const unknown: ProblemCode = record.state === "cancelled" ? "job_cancelled" : "generation_failed";
  const known = Object.hasOwn(PROBLEMS, code) ? (code as ProblemCode) : unknown;
  const isTemporary = PROBLEMS[known].status === 503;
  return new Problem(known, detail, isTemporary ? { headers: { "Retry-After": "10" } } : {});
}

/** Null for an unconditional job. */
export function className({ spec }: JobRecord, models: ModelRegistry): string | null {
  const index = spec.parameters.class;
  return index === null ? null : (models.get(spec.model)?.classes[index]?.name ?? null);
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
