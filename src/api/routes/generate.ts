import type { FastifyReply, FastifyRequest } from "fastify";
import { Problem } from "../../errors.js";
import { type GenerateRequest, isFinal, type JobRecord } from "../../job.js";
import { principalOf } from "../access/principal.js";
import type { Api, ApiDeps } from "../deps.js";
import { readCancelAfter } from "../http/cancel-after.js";
import { readIdempotency } from "../http/idempotency.js";
import { imageHeaders } from "../http/image-headers.js";
import { readPrefer } from "../http/prefer.js";
import { chooseRepresentation } from "../http/request-headers.js";
import { logWithJob } from "../http/request-log.js";
import { timingHeaders } from "../http/response-headers.js";
import { embedImages, imagePath, jobPath, jobProblem, jobResource } from "../resources/job-resource.js";
import { acceptJob, cancelAbandoned, HUNG_UP, stopWaitingOn, waitUntilFinal } from "../resources/submit-job.js";
import { generateSchema } from "./generate-schema.js";

/** `POST /generate`: accepts a job and answers with its picture, with the job once it is done, or with where it will be. */
export function generateRoute(app: Api, deps: ApiDeps): void {
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());
  app.post("/generate", { schema: generateSchema }, async (request, reply) => {
    const wanted = chooseRepresentation(request.headers.accept);
    const principal = principalOf(request);
    const idempotency = readIdempotency(request.headers["idempotency-key"], request.body, principal.id);
    const cancelAfterMs = readCancelAfter(request.headers["cancel-after"]);
    reply.header("Vary", "Accept, Prefer").header("Cache-Control", "no-store");
    const leaving = stopWaitingOn(reply, closing.signal);
    if (wanted === "image/png") checkOnePicture(request.body);
    const onLimits = (headers: Readonly<Record<string, string>>) => void reply.headers(headers);
    const { id: requestId, traceparent } = request;
    const terms = { principal, requestId, traceparent, idempotency, cancelAfterMs, onLimits };
    const accepted = await acceptJob(request.body, terms, deps);
    logWithJob(request, reply, accepted.spec.id);
    const wait = waitFor(wanted, request, deps.config.syncTimeoutS);
    const record = await waitUntilFinal(accepted, wait.waitMs, leaving, deps);
    if (leaving.reason === HUNG_UP && !idempotency) await cancelAbandoned(record, request.log, deps);
    if (wait.applied) reply.header("Preference-Applied", wait.applied);
    if (wanted === "image/png" && isFinal(record.state)) return sendPicture(record, reply, deps);
    return sendJob(record, request.body, reply, deps);
  });
}

/** An image answer holds one image and nothing else: whatever doesn't fit into it is refused, not dropped. */
function checkOnePicture({ num_images, response_format }: GenerateRequest): void {
  const errors = [];
  if (num_images !== undefined && num_images > 1) {
    errors.push({ pointer: "/num_images", message: "must be 1 with `Accept: image/png`" });
  }
  if (response_format === "base64") {
    errors.push({ pointer: "/response_format", message: 'must be "link" or absent with `Accept: image/png`' });
  }
  if (errors.length === 0) return;
  const detail =
    "`Accept: image/png` answers with the bytes of one image; ask with `Accept: application/json` instead.";
  throw new Problem("invalid_request", detail, { errors });
}

/** How long the answer may wait for the job: an image answer as long as we allow, a JSON answer as long as is preferred. */
function waitFor(wanted: "application/json" | "image/png", request: FastifyRequest, syncTimeoutS: number) {
  const { waitS, respondAsync } = readPrefer(request.headers.prefer);
  if (waitS !== undefined) {
    const boundedS = Math.min(waitS, syncTimeoutS);
    return { waitMs: boundedS * 1000, applied: `wait=${boundedS}` };
  }
  if (respondAsync) return { waitMs: 0, applied: "respond-async" };
  return { waitMs: wanted === "image/png" ? syncTimeoutS * 1000 : 0 };
}

async function sendPicture(record: JobRecord, reply: FastifyReply, { queue }: ApiDeps): Promise<FastifyReply> {
  if (record.state !== "completed") throw jobProblem(record);
  const { id } = record.spec;
  const image = await queue.image(id, 0);
  if (!image) throw new Problem("job_expired", "The picture was done, but is gone already: the server keeps too few.");
  return reply
    .headers(imageHeaders(image, record))
    .header("Content-Location", imagePath(id, 0))
    .headers(timingHeaders(image.timing))
    .send(image.bytes);
}

async function sendJob(record: JobRecord, body: GenerateRequest, reply: FastifyReply, deps: ApiDeps) {
  const job = jobResource(record, deps.models);
  const isDone = isFinal(record.state);
  if (job.timing) reply.headers(timingHeaders(job.timing));
  reply.code(isDone ? 200 : 202).header(isDone ? "Content-Location" : "Location", jobPath(job.id));
  return body.response_format === "base64" ? embedImages(job, deps.queue) : job;
}
