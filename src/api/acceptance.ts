import type { FastifyBaseLogger, FastifyReply } from "fastify";
import { Problem } from "../errors.js";
import { type GenerateRequest, isFinal, type JobRecord, type JobSpec } from "../job.js";
import { type Idempotency, QueueUnavailable } from "../queue/queue.js";
import { resolveRequest } from "../resolve.js";
import type { Principal } from "./access/principal.js";
import type { ApiDeps } from "./app.js";

/** The way of a request into the queue and of its answer back, for every route that makes pictures. */

/** What the request's headers and connection say of the job. */
export interface Terms {
  readonly principal: Principal;
  /** Goes through logs from here to the worker and back. */
  readonly requestId: string;
  readonly idempotency: Idempotency | undefined;
  readonly cancelAfterMs: number | undefined;
}

/** Resolves the request against the model and queues it; with a known idempotency key, finds the job it made before. */
export async function acceptJob(
  body: GenerateRequest,
  { principal, requestId, idempotency, cancelAfterMs = Infinity }: Terms,
  { queue, models, config, readiness }: ApiDeps,
): Promise<JobRecord> {
  if (readiness().shuttingDown) {
    throw new Problem("shutting_down", "The server is shutting down and takes no new work.", retryAfter(10));
  }
  const resolved = resolveRequest(body, models, config.maxImagesPerJob);
  const acceptedAt = Date.now();
  const deadlineMs = Math.min(body.deadline_ms ?? Infinity, cancelAfterMs);
  const spec: JobSpec = {
    version: 1,
    id: queue.newId(),
    ...resolved,
    accepted_at: acceptedAt,
    caller: principal.id,
    request_id: requestId,
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
