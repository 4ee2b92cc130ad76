import type { FastifyBaseLogger, FastifyReply } from "fastify";
import { Problem } from "../../errors.js";
import { type GenerateRequest, isFinal, type JobRecord, type JobSpec } from "../../job.js";
import { type CallerLimits, type Idempotency, QueueUnavailable, type SubmitResult } from "../../queue/queue.js";
import { resolveRequest } from "../../resolve-request.js";
import type { Principal } from "../access/principal.js";
import type { ApiDeps } from "../deps.js";
import { rateLimitHeaders, rateLimitPolicy } from "../http/rate-limit-headers.js";

/** The way of a request into the queue and of its answer back, for every route that makes pictures. */

/** What the request's headers and connection say of the job. */
export interface Terms {
  readonly principal: Principal;
  /** Goes through logs from here to the worker and back. */
  readonly requestId: string;
  /** W3C Trace Context of the request, where it has one. */
  readonly traceparent?: string | undefined;
  readonly idempotency: Idempotency | undefined;
  readonly cancelAfterMs: number | undefined;
  /** Told of the headers that say what is left of the caller's limits, where it has some; a refusal holds them itself. */
  readonly onLimits?: (headers: Readonly<Record<string, string>>) => void;
}

/** Resolves the request against the model and queues it; with a known idempotency key, finds the job it made before. */
export async function acceptJob(
  body: GenerateRequest,
  { principal, requestId, traceparent, idempotency, cancelAfterMs = Infinity, onLimits }: Terms,
  { queue, models, config, readiness, webhooks }: ApiDeps,
): Promise<JobRecord> {
  if (readiness().shuttingDown) {
    throw new Problem("shutting_down", "The server is shutting down and takes no new work.", retryAfter(10));
  }
  const resolved = resolveRequest(body, models, config.maxImagesPerJob);
  const { limits } = principal;
  if (limits) checkWithinLimits(resolved.num_images, limits);
  if (body.webhook_url !== undefined) checkWebhook(body.webhook_url, principal, webhooks);
  const acceptedAt = Date.now();
  const deadlineMs = Math.min(body.deadline_ms ?? Infinity, cancelAfterMs);
  const spec: JobSpec = {
    version: 1,
    id: queue.newId(),
    ...resolved,
    accepted_at: acceptedAt,
    caller: principal.id,
    request_id: requestId,
    ...(body.webhook_url !== undefined && { webhook_url: body.webhook_url }),
    ...(traceparent !== undefined && { traceparent }),
    ...(deadlineMs < Infinity && { deadline_at: acceptedAt + deadlineMs }),
  };
  const result = await queue.submit(spec, idempotency, limits && Object.keys(limits).length > 0 ? limits : undefined);
  switch (result.kind) {
    case "accepted":
      if (limits && result.usage) onLimits?.(rateLimitHeaders(limits, result.usage));
      return result.record;
    case "existing":
      return result.record;
    case "over_limit":
      throw overLimit(result, limits!);
    case "conflict":
      throw new Problem("idempotency_conflict", "The Idempotency-Key was used before, with another body.");
    case "webhooks_backed_up":
      throw new Problem(result.kind, "Too many webhooks of this caller were not delivered yet.", retryAfter(60));
    case "full":
      throw new Problem("queue_full", "The queue is full; try again later.", retryAfter(result.retryAfterS));
    case "draining":
      throw new Problem("queue_draining", `The queue of ${spec.model} is being drained.`, retryAfter(30));
    case "no_worker":
      throw new Problem("no_worker", readiness().reason ?? `No worker serves ${spec.model} now.`, retryAfter(5));
  }
}

function checkWebhook(url: string, principal: Principal, webhooks: ApiDeps["webhooks"]): void {
  const message = webhooks ? webhooks.refusal(url, principal) : "is not offered by this server";
  if (message === undefined) return;
  throw new Problem("invalid_request", `webhook_url ${message}.`, { errors: [{ pointer: "/webhook_url", message }] });
}

/** What no waiting would make possible is no 429. */
function checkWithinLimits(images: number, limits: CallerLimits): void {
  const { imagesPerMinute, concurrentImages } = limits;
  const most = Math.min(imagesPerMinute ?? Infinity, concurrentImages ?? Infinity);
  if (images <= most) return;
  const message = `must be at most ${most} with this API key`;
  const headers = rateLimitPolicy(limits);
  throw new Problem("invalid_request", `num_images ${message}.`, {
    errors: [{ pointer: "/num_images", message }],
    headers,
  });
}

function overLimit({ limit, retryAfterS, usage }: SubmitResult & { kind: "over_limit" }, limits: CallerLimits) {
  const headers = { ...retryAfter(retryAfterS).headers, ...rateLimitHeaders(limits, usage) };
  if (limit === "imagesPerMinute") {
    const detail = `This key may ask for ${limits.imagesPerMinute} images within a minute; try again when some are older.`;
    return new Problem("images_per_minute_exceeded", detail, { headers });
  }
  const detail = `This key may have ${limits.concurrentImages} images in the making; try again when some are done.`;
  return new Problem("concurrent_images_exceeded", detail, { headers });
}

export async function waitUntilFinal(
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

/** Nobody knows the job's id when its client leaves without an answer, unless an idempotency key leads back to it. */
export async function cancelAbandoned(
  { spec, state }: JobRecord,
  log: FastifyBaseLogger,
  { queue }: ApiDeps,
  detail = "The client hung up before the answer.",
): Promise<void> {
  if (isFinal(state)) return;
  log.info({ job: spec.id, detail }, "cancelling a job that nobody waits for");
  try {
    await queue.cancel(spec.id, { code: "job_cancelled", detail });
  } catch (error) {
    log.warn({ job: spec.id, err: error }, "a job that nobody waits for could not be cancelled");
  }
}

export const HUNG_UP = new Error("The client hung up.");

/** Aborts when the client hangs up, for the reason `HUNG_UP`, or when the server closes: the answer is where to look. */
export function stopWaitingOn(reply: FastifyReply, closing: AbortSignal): AbortSignal {
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

function retryAfter(seconds: number) {
  return { headers: { "Retry-After": String(Math.max(1, Math.ceil(seconds))) } };
}
