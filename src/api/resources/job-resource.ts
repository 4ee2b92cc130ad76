import Type, { type Static } from "typebox";
import { PROBLEMS, Problem, type ProblemCode } from "../../errors.js";
import {
  JobError,
  type JobRecord,
  JobState,
  jobTiming,
  OutputCompression,
  OutputFormat,
  OutputSize,
  Timing,
} from "../../job.js";
import { Edit } from "../../model/edit.js";
import { SamplingParameters } from "../../model/parameters.js";
import type { ModelRegistry } from "../../model/registry.js";
import type { TokenizerArchitecture } from "../../model/tokenizer-architecture.js";
import { type GetResult, JOB_LOST, type JobQueue } from "../../queue/queue.js";
import { type Caller, maySee } from "../access/caller.js";
import type { ApiDeps } from "../deps.js";
import { modelPath } from "./model-resource.js";

/** A job as clients see it. */

type ResourceDeps = Pick<ApiDeps, "config" | "models">;

const time = (description: string) => Type.String({ format: "date-time", description });
const path = (description: string) => Type.String({ format: "uri-reference", description });

const JobImage = Type.Object({
  index: Type.Integer({ minimum: 0, description: "Images count from 0." }),
  url: path("Address of its bytes."),
  width: Type.Integer({ description: "Pixels." }),
  height: Type.Integer({ description: "Pixels." }),
  content_type: Type.String({ description: "The bytes' media type, such as image/png." }),
  timing: Timing,
  base64: Type.Optional(
    Type.String({ contentEncoding: "base64", description: "The bytes, with `response_format`: base64." }),
  ),
});

export const JobResource = Type.Object(
  {
    id: Type.String({ description: "Identifies the job in addresses." }),
    state: JobState,
    model: Type.String({ description: "The model that generates the images." }),
    parameters: Type.Object(
      {
        ...SamplingParameters.properties,
        class_name: Type.Union([Type.String(), Type.Null()], { description: "The class's name." }),
      },
      { description: "The parameters in effect: those of the request, then of the preset, then of the model." },
    ),
    seed: Type.Integer({ description: "The request's seed, or a random one. The same seed gives the same images." }),
    num_images: Type.Integer({ minimum: 1, description: "Number of images." }),
    preset: Type.Optional(Type.String({ description: "The preset in effect, also if `quality` chose it." })),
    output_format: OutputFormat,
    output_compression: Type.Optional(OutputCompression),
    scaled: Type.Optional(
      Type.Object(
        { from: Type.Object({ width: Type.Integer(), height: Type.Integer() }), to: OutputSize },
        { description: "The size that the model generates and the size of the images, if they differ." },
      ),
    ),
    edit: Type.Optional(
      Type.Unsafe<Edit>({
        ...Edit,
        description: "How the images were made from an uploaded one; its window is in pixels.",
      }),
    ),
    created_at: time("When the request was accepted."),
    started_at: Type.Optional(time("When the first image started.")),
    finished_at: Type.Optional(time("When the job ended.")),
    expires_at: Type.Optional(time("When the ended job and its images are deleted.")),
    position: Type.Optional(Type.Integer({ minimum: 0, description: "While queued: the number of images ahead." })),
    progress: Type.Optional(
      Type.Object(
        { step: Type.Integer(), of: Type.Integer() },
        { description: "Autoregressive steps done and in total, over all images." },
      ),
    ),
    images: Type.Array(JobImage, { description: "The images of a completed job; empty before." }),
    timing: Type.Optional(Type.Unsafe<Timing>({ ...Timing, description: "Timing of the image that finished last." })),
    error: Type.Optional(Type.Unsafe<JobError>({ ...JobError, description: "Why it failed or was cancelled." })),
    links: Type.Object({ self: path("This job."), model: path("Its model.") }),
  },
  { description: "An accepted request and its results." },
);
export type JobResource = Static<typeof JobResource>;

export function jobResource(record: JobRecord, deps: ResourceDeps): JobResource {
  const { spec } = record;
  const { class: classIndex, ...parameters } = spec.parameters;
  const timing = jobTiming(record);
  const tokenizer = deps.models.get(spec.model)?.architecture.tokenizer;
  return {
    id: spec.id,
    state: record.state,
    model: spec.model,
    parameters: { class: classIndex, class_name: className(record, deps.models), ...parameters },
    seed: spec.seed,
    num_images: spec.num_images,
    ...(spec.preset !== undefined && { preset: spec.preset }),
    output_format: spec.output_format,
    ...(spec.output_compression !== undefined && { output_compression: spec.output_compression }),
    ...(spec.output_size && tokenizer && { scaled: { from: sizeOf(tokenizer), to: spec.output_size } }),
    ...(spec.edit && { edit: spec.edit }),
    created_at: isoTime(spec.accepted_at),
    ...(record.startedAt !== undefined && { started_at: isoTime(record.startedAt) }),
    ...(record.finishedAt !== undefined && { finished_at: isoTime(record.finishedAt) }),
    ...(record.expiresAt !== undefined && { expires_at: isoTime(record.expiresAt) }),
    ...(record.state === "queued" && record.position !== undefined && { position: record.position }),
    ...(record.progress && { progress: record.progress }),
    images: record.images.map(({ width, height, timing }, index) => ({
      index,
      url: imagePath(spec.id, index, deps),
      width,
      height,
      content_type: `image/${spec.output_format}`,
      timing,
    })),
    ...(timing && { timing }),
    ...(record.error && { error: record.error }),
    links: { self: jobPath(spec.id, deps), model: modelPath(spec.model, deps) },
  };
}

function sizeOf({ image_width, image_height }: TokenizerArchitecture) {
  return { width: image_width, height: image_height };
}

/** Adds the images' bytes as `base64`. */
export async function embedImages(job: JobResource, queue: JobQueue): Promise<JobResource> {
  const images = job.images.map(async (image) => {
    const stored = await queue.image(job.id, image.index);
    return stored ? { ...image, base64: Buffer.from(stored.bytes).toString("base64") } : image;
  });
  return { ...job, images: await Promise.all(images) };
}

export function jobPath(id: string, { config }: ResourceDeps): string {
  return `${config.publicPath}/jobs/${id}`;
}

export function imagePath(id: string, index: number, deps: ResourceDeps): string {
  return `${jobPath(id, deps)}/images/${index}`;
}

/** Every job id looks like this; the queue is not asked for others. */
const JOB_ID = /^[A-Za-z0-9_-]{8,64}$/;

/** The record of a job that exists and that the caller may see. Throws `job_not_found`, `job_expired` or `job_lost`. */
export async function findJob(id: string, queue: JobQueue, caller: Caller): Promise<JobRecord> {
  const record = await findAnyJob(id, queue);
  if (!maySee(caller, record.spec)) throw jobNotFound(id);
  return record;
}

/** The record of a job, regardless of who may see it. Throws like `findJob`. */
export async function findAnyJob(id: string, queue: JobQueue): Promise<JobRecord> {
  return foundRecord(JOB_ID.test(id) ? await queue.get(id) : { kind: "unknown" }, id);
}

export function jobNotFound(id: string): Problem {
  return new Problem("job_not_found", `There is no job ${JSON.stringify(id)}.`);
}

export function foundRecord(result: GetResult, id: string): JobRecord {
  if (result.kind === "found") return result.record;
  if (result.kind === "unknown") throw jobNotFound(id);
  if (result.kind === "lost") throw new Problem("job_lost", JOB_LOST.detail);
  throw new Problem(
    "job_expired",
    `The job ${id} has expired or was deleted; the server keeps ended jobs for at most RESULT_TTL_S.`,
  );
}

/** The problem to answer with for a job that ended without images. */
export function jobProblem(record: JobRecord): Problem {
  const { code, detail } = record.error ?? { code: "generation_failed", detail: "The job ended without images." };
  // A worker of another release may use codes that this one does not know.
  const unknown: ProblemCode = record.state === "cancelled" ? "job_cancelled" : "generation_failed";
  const known = Object.hasOwn(PROBLEMS, code) ? (code as ProblemCode) : unknown;
  const isTemporary = PROBLEMS[known].status === 503;
  return new Problem(known, detail, isTemporary ? { headers: { "Retry-After": "10" } } : {});
}

/** The class's name; null for an unconditional job. */
export function className({ spec }: JobRecord, models: ModelRegistry): string | null {
  const index = spec.parameters.class;
  return index === null ? null : (models.get(spec.model)?.classes[index]?.name ?? null);
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
