import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from "fastify";
import { Problem } from "../../errors.js";
import { isFinal, type JobRecord, jobTiming } from "../../job.js";
import { principalOf } from "../access/principal.js";
import type { Api, ApiDeps } from "../deps.js";
import { readIdempotency } from "../http/idempotency.js";
import type { HttpLimits } from "../http/limits.js";
import { logWithJob } from "../http/request-log.js";
import { timingHeaders } from "../http/response-headers.js";
import { className, imagePath, jobProblem } from "../resources/job-resource.js";
import { acceptJob, cancelAbandoned, HUNG_UP, stopWaitingOn, waitUntilFinal } from "../resources/submit-job.js";
import { imageBase64, imageFacts, unixTime } from "./image-facts.js";
import { toGenerateRequest } from "./image-request.js";
import { streamImage } from "./image-stream.js";
import { openAiImagesSchema } from "./images-route-schema.js";
import type { OpenAiImages } from "./schemas.js";

/** `POST /v1/images/generations`: OpenAI's `images.generate` over the same jobs as `POST /generate`. */
export function openAiImagesRoute(app: Api, deps: ApiDeps, limits: HttpLimits): void {
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());
  app.post("/v1/images/generations", { schema: openAiImagesSchema }, async (request, reply) => {
    const { body } = request;
    const principal = principalOf(request);
    const idempotency = readIdempotency(request.headers["idempotency-key"], body, principal.id);
    reply.header("Cache-Control", "no-store");
    const leaving = stopWaitingOn(reply, closing.signal);
    const onLimits = (headers: Readonly<Record<string, string>>) => void reply.headers(headers);
    const { id: requestId, traceparent } = request;
    const terms = { principal, requestId, traceparent, idempotency, cancelAfterMs: undefined, onLimits };
    const accepted = await acceptJob(toGenerateRequest(body, deps), terms, deps);
    const { id, seed } = accepted.spec;
    logWithJob(request, reply, id);
    reply.headers({ "Marimba-Job": id, "Marimba-Seed": String(seed) });
    const giveUp = (record: JobRecord) => giveUpOn(record, idempotency === undefined, leaving, request.log, deps);
    if (body.stream) {
      return streamImage(accepted, body.partial_images ?? 0, reply, { leaving, giveUp, deps, limits });
    }
    const record = await waitUntilFinal(accepted, deps.config.syncTimeoutS * 1000, leaving, deps);
    if (!isFinal(record.state)) throw await giveUp(record);
    if (record.state !== "completed") throw jobProblem(record);
    const origin = body.response_format === "url" ? originOf(request) : undefined;
    return sendImages(record, origin, reply, deps);
  });
}

/** A proxy may say by which protocol it was asked, and only of the two that there are. */
function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol === "https" ? "https" : "http"}://${host}`;
}

/**
 * What to tell who waits no longer. This API has no answer that says where to look later, so a job that no idempotency
 * key leads back to is cancelled.
 */
async function giveUpOn(
  record: JobRecord,
  isLost: boolean,
  leaving: AbortSignal,
  log: FastifyBaseLogger,
  deps: ApiDeps,
): Promise<Problem> {
  const problem = whyLeft(leaving, isLost, deps.config.syncTimeoutS);
  const detail = leaving.reason === HUNG_UP ? undefined : problem.message;
  if (isLost) await cancelAbandoned(record, log, deps, detail);
  return problem;
}

function whyLeft(leaving: AbortSignal, isLost: boolean, syncTimeoutS: number): Problem {
  const outcome = isLost ? "was cancelled" : "goes on: come back with the same Idempotency-Key";
  if (!leaving.aborted) {
    return new Problem("deadline_exceeded", `The image was not done within ${syncTimeoutS} s; its job ${outcome}.`);
  }
  const headers = { "Retry-After": "10" };
  return new Problem("shutting_down", `The server is shutting down; the image's job ${outcome}.`, { headers });
}

async function sendImages(record: JobRecord, origin: string | undefined, reply: FastifyReply, deps: ApiDeps) {
  const { id, num_images } = record.spec;
  const timing = jobTiming(record);
  if (timing) reply.headers(timingHeaders(timing));
  const name = className(record, deps.models);
  const images = Array.from({ length: num_images }, async (_, index) => ({
    ...(origin ? { url: origin + imagePath(id, index) } : { b64_json: await imageBase64(record, index, deps.queue) }),
    ...(name !== null && { revised_prompt: name }),
  }));
  const created = unixTime(record.finishedAt);
  return { created, data: await Promise.all(images), ...imageFacts(record, deps.models) } satisfies OpenAiImages;
}
