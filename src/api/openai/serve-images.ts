import type { FastifyReply, FastifyRequest } from "fastify";
import { Problem } from "../../errors.js";
import { isFinal, type JobRecord, jobTiming } from "../../job.js";
import type { ApiDeps, RouteDeps } from "../deps.js";
import { timingHeaders } from "../http/response-headers.js";
import { imageLink } from "../resources/image-link.js";
import { className, jobProblem } from "../resources/job-resource.js";
import { cancelAbandoned, DISCONNECTED, type Submission, submitAndWait } from "../resources/submit-job.js";
import { imageBase64, imageFacts, unixTime } from "./image-facts.js";
import { type ImagesBody, type Translation, wantsAddresses } from "./image-request.js";
import { streamImages } from "./image-stream.js";
import type { OpenAiImages } from "./schemas.js";

/** Submits the job and answers with its images, or with a stream of events. */
export async function serveImages(answer: Translation, body: ImagesBody, reply: FastifyReply, deps: RouteDeps) {
  reply.header("Cache-Control", "no-store");
  const waitMs = body.stream ? 0 : deps.config.syncTimeoutS * 1000;
  const submission = await submitAndWait(reply, answer.request, { waitMs, edit: answer.edit }, deps);
  const { record } = submission;
  reply.headers({ "Marimba-Job": record.spec.id, "Marimba-Seed": String(record.spec.seed) });
  const giveUp = (record: JobRecord) => giveUpOn({ ...submission, record }, reply, deps);
  if (body.stream) {
    return streamImages(submission, { answer, partialImages: body.partial_images ?? 0 }, reply, giveUp, deps);
  }
  if (!isFinal(record.state)) throw await giveUp(record);
  if (record.state !== "completed") throw jobProblem(record);
  return sendImages(record, answer, wantsAddresses(body) ? originOf(reply.request) : undefined, reply, deps);
}

/** A proxy may state the protocol of the original request; only the two that exist are believed. */
function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol === "https" ? "https" : "http"}://${host}`;
}

/**
 * Ends the wait for a job that has not ended, and returns the problem to answer with. OpenAI's API has no response that
 * points to an unfinished job, so the job is cancelled unless an idempotency key leads back to it.
 */
async function giveUpOn(submission: Submission, reply: FastifyReply, deps: ApiDeps): Promise<Problem> {
  const { disconnected, isFindable } = submission;
  const outcome = isFindable ? "continues: repeat the request with the same Idempotency-Key" : "was cancelled";
  const { syncTimeoutS } = deps.config;
  const problem = disconnected.aborted
    ? new Problem("shutting_down", `The server is shutting down; the image's job ${outcome}.`, {
        headers: { "Retry-After": "10" },
      })
    : new Problem("deadline_exceeded", `The image was not finished within ${syncTimeoutS} s; its job ${outcome}.`);
  await cancelAbandoned(submission, reply, deps, disconnected.reason === DISCONNECTED ? undefined : problem.message);
  return problem;
}

/** With an origin, sends the images' addresses; otherwise their bytes. */
async function sendImages(
  record: JobRecord,
  answer: Translation,
  origin: string | undefined,
  reply: FastifyReply,
  deps: ApiDeps,
) {
  const { num_images } = record.spec;
  const timing = jobTiming(record);
  if (timing) reply.headers(timingHeaders(timing));
  const name = className(record, deps.models);
  const images = Array.from({ length: num_images }, async (_, index) => ({
    ...(origin
      ? { url: origin + imageLink(record.spec, index, deps) }
      : { b64_json: await imageBase64(record, index, deps.queue) }),
    ...(name !== null && { revised_prompt: name }),
  }));
  const created = unixTime(record.finishedAt);
  return {
    created,
    data: await Promise.all(images),
    ...imageFacts(record, answer, num_images, deps.models),
  } satisfies OpenAiImages;
}
