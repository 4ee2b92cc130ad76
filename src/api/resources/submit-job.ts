import type { FastifyReply } from "fastify";
import type { PreparedEdit } from "../../editing/canvas.js";
import { badUpload } from "../../editing/upload.js";
import { Problem } from "../../errors.js";
import { type GenerateRequest, isFinal, JOB_VERSION, type JobRecord, type NewJob } from "../../job.js";
import { type CallerLimits, lostRecord, QueueUnavailable, type SubmitResult } from "../../queue/queue.js";
import { resolveRequest } from "../../resolve-request.js";
import { type Caller, callerOf } from "../access/caller.js";
import type { ApiDeps, RouteDeps } from "../deps.js";
import { forgetFiles } from "../http/form.js";
import { readIdempotency } from "../http/request-headers.js";
import { logWithJob } from "../http/request-log.js";
import { rateLimitHeaders, rateLimitPolicy } from "../http/response-headers.js";

/** A request's way into the queue, and its wait for the job, for every route that generates images. */

export interface SubmitOptions {
  /** How long to wait for the job to end; 0 returns it as it was accepted. */
  readonly waitMs: number;
  /** Time that the request's headers give the job. */
  readonly cancelAfterMs?: number | undefined;
  /** What the job's images are made from, if they are edited. */
  readonly edit?: PreparedEdit | undefined;
}

/** A request's job. */
export interface Submission {
  /** The job as it was when the wait ended. */
  readonly record: JobRecord;
  /** Whether an idempotency key leads back to the job; if not, its id is known from this response only. */
  readonly isFindable: boolean;
  /** Aborts when the client disconnects, for the reason `DISCONNECTED`, or when the server closes. */
  readonly disconnected: AbortSignal;
}

export const DISCONNECTED = new Error("The client disconnected before the response.");

/**
 * Resolves the request against its model, queues the job and waits for it. A known idempotency key finds the job that the
 * first request created. Sets the headers with the caller's limits. Throws the `Problem` for which no job was accepted.
 */
export async function submitAndWait(
  reply: FastifyReply,
  body: GenerateRequest,
  { waitMs, cancelAfterMs = Infinity, edit }: SubmitOptions,
  deps: RouteDeps,
): Promise<Submission> {
  const { queue, models, config, readiness, webhooks } = deps;
  const { request } = reply;
  const caller = callerOf(request);
  const idempotency = readIdempotency(request.headers["idempotency-key"], request.body, caller.id);
  const disconnected = abortOnDisconnect(reply, deps.closing);
  if (readiness().shuttingDown) {
    throw new Problem("shutting_down", "The server is shutting down and accepts no new jobs.", retryAfter(10));
  }
  if (edit) checkCanvas(edit, config);
  const resolved = resolveRequest(body, models, config.maxImagesPerJob);
  const { limits } = caller;
  if (limits) checkWithinLimits(resolved.num_images, limits);
  if (body.webhook_url !== undefined) checkWebhook(body.webhook_url, caller, webhooks);
  const deadlineMs = Math.min(body.deadline_ms ?? Infinity, cancelAfterMs);
  const job: NewJob = {
    version: JOB_VERSION,
    id: queue.newId(),
    ...resolved,
    ...(edit && { edit: edit.edit }),
    caller: caller.id,
    request_id: request.id,
    ...(body.webhook_url !== undefined && { webhook_url: body.webhook_url }),
    ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
    ...(deadlineMs < Infinity && { deadline_ms: deadlineMs }),
  };
  const ownLimits = limits && Object.keys(limits).length > 0 ? limits : undefined;
  const result = await queue.submit(job, idempotency, ownLimits, edit?.canvas);
  const accepted = acceptedRecord(result, job, caller, readiness().reason);
  if (limits && result.kind === "accepted" && result.usage) reply.headers(rateLimitHeaders(limits, result.usage));
  logWithJob(request, reply, accepted.spec.id);
  if (edit) forgetFiles(request);
  const record = await waitUntilFinal(accepted, waitMs, disconnected, deps);
  return { record, isFindable: idempotency !== undefined, disconnected };
}

/** The record of the submitted job. Throws the `Problem` for which the job was refused. */
function acceptedRecord(
  result: SubmitResult,
  { model }: NewJob,
  { limits }: Caller,
  notReadyReason?: string,
): JobRecord {
  switch (result.kind) {
    case "accepted":
    case "existing":
      return result.record;
    case "over_limit":
      throw overLimit(result, limits!);
    case "conflict":
      throw new Problem("idempotency_conflict", "The Idempotency-Key was used before with a different body.");
    case "webhooks_backed_up":
      throw new Problem(result.kind, "Too many of this caller's webhooks are waiting for delivery.", retryAfter(60));
    case "full":
      throw new Problem("queue_full", "The queue is full; try again later.", retryAfter(result.retryAfterS));
    case "canvases_full": {
      const detail =
        "The images that unfinished jobs edit take up all the memory for them (MAX_CANVAS_BYTES); try again later.";
      throw new Problem("queue_full", detail, retryAfter(result.retryAfterS));
    }
    case "draining":
      throw new Problem("queue_draining", `The queue of ${model} is being drained.`, retryAfter(30));
    case "no_worker":
      throw new Problem("no_worker", notReadyReason ?? `No worker serves ${model} at the moment.`, retryAfter(5));
  }
}

function checkCanvas({ canvas }: PreparedEdit, { maxCanvasBytes }: ApiDeps["config"]): void {
  if (canvas.byteLength <= maxCanvasBytes) return;
  const sizes = `takes ${canvas.byteLength} bytes, more than the ${maxCanvasBytes} that the server has for all (MAX_CANVAS_BYTES)`;
  throw badUpload("/image", `must be smaller: as a PNG it ${sizes}`);
}

function checkWebhook(url: string, caller: Caller, webhooks: ApiDeps["webhooks"]): void {
  const message = webhooks ? webhooks.refusal(url, caller) : "is not supported by this server";
  if (message === undefined) return;
  throw new Problem("invalid_request", `webhook_url ${message}.`, { errors: [{ pointer: "/webhook_url", message }] });
}

/** A job above the limits would never fit, so it is a 400, not a 429. */
function checkWithinLimits(images: number, limits: CallerLimits): void {
  const { imagesPerMinute, concurrentImages } = limits;
  const most = Math.min(imagesPerMinute ?? Infinity, concurrentImages ?? Infinity);
  if (images <= most) return;
  const message = `must be at most ${most} with this API key`;
  const errors = [{ pointer: "/num_images", message }];
  throw new Problem("invalid_request", `num_images ${message}.`, { errors, headers: rateLimitPolicy(limits) });
}

function overLimit({ limit, retryAfterS, usage }: SubmitResult & { kind: "over_limit" }, limits: CallerLimits) {
  const headers = { ...retryAfter(retryAfterS).headers, ...rateLimitHeaders(limits, usage) };
  if (limit === "imagesPerMinute") {
    const detail = `This API key is limited to ${limits.imagesPerMinute} images per minute; try again later.`;
    return new Problem("images_per_minute_exceeded", detail, { headers });
  }
  const detail = `This API key is limited to ${limits.concurrentImages} concurrent images; try again when some have finished.`;
  return new Problem("concurrent_images_exceeded", detail, { headers });
}

async function waitUntilFinal(
  accepted: JobRecord,
  waitMs: number,
  disconnected: AbortSignal,
  { queue }: ApiDeps,
): Promise<JobRecord> {
  if (waitMs === 0 || isFinal(accepted.state)) return accepted;
  try {
    return (await queue.wait(accepted.spec.id, waitMs, disconnected)) ?? lostRecord(accepted);
  } catch (error) {
    // The job is accepted, so its client must get its address, not an error.
    if (error instanceof QueueUnavailable) return accepted;
    throw error;
  }
}

/** Cancels a job whose client gets no response that names it, unless an idempotency key leads back to it. */
export async function cancelAbandoned(
  { record: { spec, state }, isFindable }: Submission,
  { log }: FastifyReply,
  { queue }: ApiDeps,
  detail = DISCONNECTED.message,
): Promise<void> {
  if (isFindable || isFinal(state)) return;
  log.info({ job: spec.id, detail }, "cancelling an abandoned job");
  try {
    await queue.cancel(spec.id, { code: "job_cancelled", detail });
  } catch (error) {
    log.warn({ job: spec.id, err: error }, "could not cancel an abandoned job");
  }
}

function abortOnDisconnect(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const onClosing = () => controller.abort(closing.reason);
  closing.addEventListener("abort", onClosing, { once: true });
  if (closing.aborted) onClosing();
  reply.raw.once("close", () => {
    closing.removeEventListener("abort", onClosing);
    if (!reply.raw.writableFinished) controller.abort(DISCONNECTED);
  });
  return controller.signal;
}

function retryAfter(seconds: number) {
  return { headers: { "Retry-After": String(Math.max(1, Math.ceil(seconds))) } };
}
