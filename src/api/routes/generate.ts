import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from "fastify";
import { Problem } from "../../errors.js";
import { type GenerateRequest, isFinal, type JobRecord, type JobSpec } from "../../job.js";
import { type Idempotency, QueueUnavailable } from "../../queue/queue.js";
import { resolveRequest } from "../../resolve.js";
import { chooseRepresentation, type Representation } from "../accept.js";
import type { Api, ApiDeps } from "../app.js";
import { callerOf } from "../caller.js";
import { readCancelAfter } from "../cancel-after.js";
import { readIdempotency } from "../idempotency.js";
import { imageHeaders } from "../image-headers.js";
import { embedImages, imagePath, jobPath, jobProblem, jobResource } from "../job-resource.js";
import { readPrefer } from "../prefer.js";
import { timingHeaders } from "../server-timing.js";
import { generateSchema } from "./generate-schema.js";

/** `POST /generate`: accepts a job and answers with its picture, with the job once it is done, or with where it will be. */
export function generateRoute(app: Api, deps: ApiDeps): void {
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());
  app.post("/generate", { schema: generateSchema }, async (request, reply) => {
    const wanted = chooseRepresentation(request.headers.accept);
    const caller = callerOf(request);
    const idempotency = readIdempotency(request.headers["idempotency-key"], request.body, caller);
    const cancelAfterMs = readCancelAfter(request.headers["cancel-after"]);
    reply.header("Vary", "Accept, Prefer").header("Cache-Control", "no-store");
    const leaving = stopWaitingOn(reply, closing.signal);
    const accepted = await accept(request.body, wanted, { caller, idempotency, cancelAfterMs }, deps);
    const wait = waitFor(wanted, request, deps.config.syncTimeoutS);
    const record = await waitUntilFinal(accepted, wait.waitMs, leaving, deps);
    if (leaving.reason === HUNG_UP && !idempotency) await cancelAbandoned(record, request.log, deps);
    if (wait.applied) reply.header("Preference-Applied", wait.applied);
    if (wanted === "image/png" && isFinal(record.state)) return sendPicture(record, reply, deps);
    return sendJob(record, request.body, reply, deps);
  });
}

/** What the request's headers and connection say of the job. */
interface Terms {
  readonly caller: string;
  readonly idempotency: Idempotency | undefined;
  readonly cancelAfterMs: number | undefined;
}

/** Resolves the request against the model and queues it; with a known idempotency key, finds the job it made before. */
async function accept(
  body: GenerateRequest,
  wanted: Representation,
  { caller, idempotency, cancelAfterMs = Infinity }: Terms,
  { queue, models, config, readiness }: ApiDeps,
): Promise<JobRecord> {
  if (readiness().shuttingDown) {
    throw new Problem("shutting_down", "The server is shutting down and takes no new work.", retryAfter(10));
  }
  const resolved = resolveRequest(body, models, config.maxImagesPerJob);
  if (wanted === "image/png") checkOnePicture(body);
  const acceptedAt = Date.now();
  const deadlineMs = Math.min(body.deadline_ms ?? Infinity, cancelAfterMs);
  const spec: JobSpec = {
    version: 1,
    id: queue.newId(),
    ...resolved,
    accepted_at: acceptedAt,
    caller,
    ...(deadlineMs < Infinity && { deadline_at: acceptedAt + deadlineMs }),
  };
  const result = await queue.submit(spec, idempotency);
  switch (result.kind) {
    case "accepted":
    case "existing":
      return result.record;
    case "conflict":
      throw new Problem("idempotency_conflict", "The Idempotency-Key was used before, with another body.");
    case "full":
      throw new Problem("queue_full", "The queue is full; try again later.", retryAfter(result.retryAfterS));
    case "draining":
      throw new Problem("queue_draining", `The queue of ${spec.model} is being drained.`, retryAfter(30));
    case "no_worker":
      throw new Problem("no_worker", readiness().reason ?? `No worker serves ${spec.model} now.`, retryAfter(5));
  }
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
function waitFor(wanted: Representation, request: FastifyRequest, syncTimeoutS: number) {
  const { waitS, respondAsync } = readPrefer(request.headers.prefer);
  if (waitS !== undefined) {
    const boundedS = Math.min(waitS, syncTimeoutS);
    return { waitMs: boundedS * 1000, applied: `wait=${boundedS}` };
  }
  if (respondAsync) return { waitMs: 0, applied: "respond-async" };
  return { waitMs: wanted === "image/png" ? syncTimeoutS * 1000 : 0 };
}

async function waitUntilFinal(
  accepted: JobRecord,
  waitMs: number,
  leaving: AbortSignal,
  { queue }: ApiDeps,
): Promise<JobRecord> {
  if (waitMs === 0 || isFinal(accepted.state)) return accepted;
  try {
    return (await queue.wait(accepted.spec.id, waitMs, leaving)) ?? accepted;
  } catch (error) {
    // The job is accepted, so its client must learn where it is, not that something went wrong.
    if (error instanceof QueueUnavailable) return accepted;
    throw error;
  }
}

/** Nobody knows the job's id when its client hangs up before the answer, unless an idempotency key leads back to it. */
async function cancelAbandoned({ spec, state }: JobRecord, log: FastifyBaseLogger, { queue }: ApiDeps): Promise<void> {
  if (isFinal(state)) return;
  log.info({ job: spec.id }, "the client hung up: cancelling its job");
  try {
    await queue.cancel(spec.id, { code: "job_cancelled", detail: "The client hung up before the answer." });
  } catch (error) {
    log.warn({ job: spec.id, err: error }, "the job of a client that hung up could not be cancelled");
  }
}

const HUNG_UP = new Error("The client hung up.");

/** Aborts when the client hangs up, for the reason `HUNG_UP`, or when the server closes: the answer is where to look. */
function stopWaitingOn(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const onClosing = () => controller.abort(closing.reason);
  closing.addEventListener("abort", onClosing, { once: true });
  if (closing.aborted) onClosing();
  reply.raw.once("close", () => {
    closing.removeEventListener("abort", onClosing);
    if (!reply.raw.writableFinished) controller.abort(HUNG_UP);
  });
  return controller.signal;
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

function retryAfter(seconds: number) {
  return { headers: { "Retry-After": String(Math.max(1, Math.ceil(seconds))) } };
}
