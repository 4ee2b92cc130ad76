import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { Problem } from "../../errors.js";
import { isFinal, type JobRecord, jobTiming } from "../../job.js";
import type { Api, ApiDeps, RouteDeps } from "../deps.js";
import { eventStreamContent } from "../events/event-text.js";
import { timingHeaders } from "../http/response-headers.js";
import { component, IdempotencyKeyHeader, openAiResponses, SUBMIT_PROBLEMS } from "../openapi/components.js";
import { imageLink } from "../resources/image-link.js";
import { className, jobProblem } from "../resources/job-resource.js";
import { cancelAbandoned, DISCONNECTED, type Submission, submitAndWait } from "../resources/submit-job.js";
import { imageBase64, imageFacts, unixTime } from "./image-facts.js";
import { type Translation, translate, wantsAddresses } from "./image-request.js";
import { streamImages } from "./image-stream.js";
import { ModelNames } from "./model-names.js";
import { checkPromptFallback } from "./prompt.js";
import { IMAGES_BODY_BYTES } from "./request-schemas.js";
import type { OpenAiImages } from "./schemas.js";

/** `POST /v1/images/generations`: OpenAI's `images.generate` over the same jobs as `POST /generate`. */
export function openAiImagesRoute(app: Api, deps: RouteDeps): void {
  const names = new ModelNames(deps);
  checkPromptFallback(deps.config.promptFallback, deps.models);
  app.post(
    "/v1/images/generations",
    { schema: openAiImagesSchema, bodyLimit: IMAGES_BODY_BYTES },
    async (request, reply) => {
      const { body } = request;
      const answer = translate(body, names, deps.config);
      reply.header("Cache-Control", "no-store");
      const waitMs = body.stream ? 0 : deps.config.syncTimeoutS * 1000;
      const submission = await submitAndWait(reply, answer.request, { waitMs }, deps);
      const { record } = submission;
      reply.headers({ "Marimba-Job": record.spec.id, "Marimba-Seed": String(record.spec.seed) });
      const giveUp = (record: JobRecord) => giveUpOn({ ...submission, record }, reply, deps);
      if (body.stream) {
        return streamImages(submission, { answer, partialImages: body.partial_images ?? 0 }, reply, giveUp, deps);
      }
      if (!isFinal(record.state)) throw await giveUp(record);
      if (record.state !== "completed") throw jobProblem(record);
      return sendImages(record, answer, wantsAddresses(body) ? originOf(request) : undefined, reply, deps);
    },
  );
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

const header = (description: string) => ({ type: "string", description });

const openAiImagesSchema = {
  operationId: "createImage",
  tags: ["openai"],
  summary: "Generate images, in the shape of OpenAI's API",
  description: [
    "For OpenAI's clients and compatible ones. `prompt` names a class: by name, id or index, or as a text that contains",
    "class names, of which the longest counts. All other fields of `POST /generate` are supported as well. The response",
    "waits for the images; disconnecting cancels them. A value that OpenAI documents, but that can't be served exactly,",
    "is served as near as possible and reported in `adjusted`. Fields that OpenAI does not document are refused.",
  ].join("\n"),
  headers: Type.Object({
    "Idempotency-Key": IdempotencyKeyHeader,
  }),
  body: component("OpenAiImageRequest"),
  response: {
    200: Type.Unsafe<unknown>({
      description: "The images or, with `stream`, events named after their `type`, or `error`.",
      headers: {
        "Marimba-Job": header("The job's id, for `/jobs/{id}`."),
        "Marimba-Seed": header("The seed that was used. The same seed gives the same images."),
        "Server-Timing": header("Milliseconds of each part, for the image that finished last."),
        "Marimba-Batch-Size": header("Mean number of images in the batch over that image's steps."),
        "Marimba-Ms-Per-Image": header("Engine time for that image, its share of each step."),
      },
      content: {
        "application/json": { schema: component("OpenAiImages") },
        ...eventStreamContent(
          ["image_generation.partial_image", "image_generation.completed", "error"],
          [component("OpenAiPartialImage"), component("OpenAiCompletedImage"), component("OpenAiError")],
        ),
      },
    }),
    ...openAiResponses(...SUBMIT_PROBLEMS),
  },
};
