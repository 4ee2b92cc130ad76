import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import type { PreparedEdit } from "../../editing/canvas.js";
import { Problem } from "../../errors.js";
import { type GenerateRequest, isFinal, type JobRecord, type OutputFormat, TIMING_SPANS } from "../../job.js";
import type { Api, ApiDeps, RouteDeps } from "../deps.js";
import { chooseRepresentation, type Representation, readCancelAfter, readPrefer } from "../http/request-headers.js";
import { imageHeaders, timingHeaders } from "../http/response-headers.js";
import {
  component,
  IdempotencyKeyHeader,
  imageContent,
  problemResponses,
  SUBMIT_PROBLEMS,
} from "../openapi/components.js";
import { embedImages, imagePath, jobPath, jobProblem, jobResource } from "../resources/job-resource.js";
import { cancelAbandoned, DISCONNECTED, submitAndWait } from "../resources/submit-job.js";

/** `POST /generate`: submits a job and answers with its image, with the finished job, or with the job's address. */
export function generateRoute(app: Api, deps: RouteDeps): void {
  app.post("/generate", { schema: generateSchema }, (request, reply) => serveJob(request, reply, deps));
}

/** The same for every route whose body has the fields of `POST /generate`; `prepare` makes what the images are edited from. */
export async function serveJob(
  request: Pick<FastifyRequest, "headers"> & { body: GenerateRequest },
  reply: FastifyReply,
  deps: RouteDeps,
  prepare?: () => Promise<PreparedEdit>,
) {
  const wanted = chooseRepresentation(request.headers.accept, request.body.output_format);
  reply.header("Vary", "Accept, Prefer").header("Cache-Control", "no-store");
  const cancelAfterMs = readCancelAfter(request.headers["cancel-after"]);
  if (wanted !== "application/json") {
    checkOneImage(request.body, wanted);
    request.body = inFormatOf(wanted, request.body);
  }
  const { waitMs, applied } = chooseWait(wanted, request, deps.config.syncTimeoutS);
  const edit = await prepare?.();
  const submission = await submitAndWait(reply, request.body, { waitMs, cancelAfterMs, edit }, deps);
  const { record, disconnected } = submission;
  if (disconnected.reason === DISCONNECTED) await cancelAbandoned(submission, reply, deps);
  if (applied) reply.header("Preference-Applied", applied);
  if (wanted !== "application/json" && isFinal(record.state)) return sendImage(record, reply, deps);
  return sendJob(record, request.body, reply, deps);
}

/** An image as the response contains nothing else; a request for more is refused, not cut down. */
function checkOneImage({ num_images, response_format }: GenerateRequest, wanted: Representation): void {
  const errors = [];
  if (num_images !== undefined && num_images > 1) {
    errors.push({ pointer: "/num_images", message: `must be 1 with \`Accept: ${wanted}\`` });
  }
  if (response_format === "base64") {
    errors.push({ pointer: "/response_format", message: `must be "link" or absent with \`Accept: ${wanted}\`` });
  }
  if (errors.length === 0) return;
  const detail = `\`Accept: ${wanted}\` returns the bytes of one image; use \`Accept: application/json\` instead.`;
  throw new Problem("invalid_request", detail, { errors });
}

/** The request with the format that its `Accept` header asks for, which distinguishes it from others with its idempotency key. */
function inFormatOf(wanted: Representation, body: GenerateRequest): GenerateRequest {
  const output_format = wanted.slice("image/".length) as OutputFormat;
  return output_format === "png" ? body : { ...body, output_format };
}

/** How long to wait for the job: for an image as long as the server allows, for JSON as long as `Prefer` asks. */
function chooseWait(wanted: Representation, { headers }: Pick<FastifyRequest, "headers">, syncTimeoutS: number) {
  const { waitS, respondAsync } = readPrefer(headers.prefer);
  if (waitS !== undefined) {
    const boundedS = Math.min(waitS, syncTimeoutS);
    return { waitMs: boundedS * 1000, applied: `wait=${boundedS}` };
  }
  if (respondAsync) return { waitMs: 0, applied: "respond-async" };
  return { waitMs: wanted === "application/json" ? 0 : syncTimeoutS * 1000 };
}

async function sendImage(record: JobRecord, reply: FastifyReply, deps: ApiDeps): Promise<FastifyReply> {
  if (record.state !== "completed") throw jobProblem(record);
  const { id } = record.spec;
  const image = await deps.queue.image(id, 0);
  if (!image) throw new Problem("job_expired", "The image was finished but has already been deleted to free memory.");
  return reply
    .headers(imageHeaders(image, record))
    .header("Content-Location", imagePath(id, 0, deps))
    .headers(timingHeaders(image.timing))
    .send(image.bytes);
}

async function sendJob(record: JobRecord, body: GenerateRequest, reply: FastifyReply, deps: ApiDeps) {
  const job = jobResource(record, deps);
  const isDone = isFinal(record.state);
  if (job.timing) reply.headers(timingHeaders(job.timing));
  reply.code(isDone ? 200 : 202).header(isDone ? "Content-Location" : "Location", jobPath(job.id, deps));
  return body.response_format === "base64" ? embedImages(job, deps.queue) : job;
}

const header = (description: string) => ({ type: "string", description });

const resultHeaders = {
  "Content-Location": header("Address where the same bytes can be fetched again until the job expires."),
  ETag: header("Hash of the bytes."),
  "Marimba-Job": header("The job's id."),
  "Marimba-Seed": header("The seed that was used. The same seed gives the same image."),
  "Server-Timing": header(`Milliseconds: ${TIMING_SPANS.join(", ")}, total.`),
  "Marimba-Batch-Size": header("Mean number of images in the batch over the image's steps."),
  "Marimba-Ms-Per-Image": header("Engine time, each step's divided by the number of images that shared it."),
  "RateLimit-Policy": header("The API key's limits in images, if it has any."),
  RateLimit: header("What is left of the limits."),
  "Preference-Applied": header("The part of `Prefer` that was applied."),
};

/** Of a request that `serveJob` serves. */
export const requestHeaders = Type.Object({
  Prefer: Type.Optional(
    Type.String({
      description: "RFC 7240: `wait=n` waits up to n seconds for the job; `respond-async` does not wait.",
    }),
  ),
  "Idempotency-Key": IdempotencyKeyHeader,
  "Cancel-After": Type.Optional(
    Type.String({
      description: "Seconds, such as 30 or 2.5, up to a day. Like `deadline_ms`; the earlier of the two applies.",
    }),
  ),
});

/** Its responses without a problem. */
export const jobResponses = {
  200: Type.Unsafe<unknown>({
    description: "The image, or the job, which has ended: completed, failed or cancelled.",
    headers: resultHeaders,
    content: {
      ...imageContent,
      "application/json": { schema: component("Job") },
    },
  }),
  202: Type.Unsafe<unknown>({
    description: "The job, which has not ended yet.",
    headers: {
      Location: header("The job's address."),
      "Preference-Applied": resultHeaders["Preference-Applied"],
      "RateLimit-Policy": resultHeaders["RateLimit-Policy"],
      RateLimit: resultHeaders.RateLimit,
    },
    content: { "application/json": { schema: component("Job") } },
  }),
};

const generateSchema = {
  operationId: "generate",
  tags: ["generate"],
  summary: "Generate images of a class",
  description: [
    "With `Accept: image/png`, `image/jpeg` or `image/webp` the response is the image itself: the request waits for it,",
    "and disconnecting cancels it. If it takes longer than the server lets a request wait, the response is 202 with the job.",
    "Otherwise the response is JSON: 202 with the job and its `Location` at once or, with `Prefer: wait=n`, the finished",
    "job if it ends within n seconds. Requests for several images are answered with JSON only.",
    "",
    "The same request with the same `seed` gives the same image, byte for byte, regardless of the server's other work.",
    "With an `Idempotency-Key`, a request that is sent again finds the job that the first one created.",
  ].join("\n"),
  headers: requestHeaders,
  body: component("GenerateRequest"),
  response: { ...jobResponses, ...problemResponses(...SUBMIT_PROBLEMS, "not_acceptable") },
};
