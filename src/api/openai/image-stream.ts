import { setTimeout as delay } from "node:timers/promises";
import type { FastifyReply } from "fastify";
import { Problem } from "../../errors.js";
import { isFinal, type JobRecord, type Preview } from "../../job.js";
import { type JobQueue, QueueUnavailable } from "../../queue/queue.js";
import type { ApiDeps } from "../deps.js";
import { EVENT_STREAM_TYPE, HEARTBEAT } from "../events/event-text.js";
import type { HttpLimits } from "../http/limits.js";
import { problemOf } from "../http/problem-document.js";
import { jobProblem } from "../resources/job-resource.js";
import { HUNG_UP } from "../resources/submit-job.js";
import { openAiError } from "./error.js";
import { base64, imageBase64, imageFacts, imageLooks, unixTime } from "./image-facts.js";
import type { OpenAiCompletedImage, OpenAiPartialImage } from "./schemas.js";

export interface StreamTerms {
  readonly leaving: AbortSignal;
  /** What to tell when the wait ends before the job; sees to the job. */
  readonly giveUp: (record: JobRecord) => Promise<Problem>;
  readonly deps: ApiDeps;
  readonly limits: HttpLimits;
}

/**
 * Answers with events named after their type: at most `partialImages` pictures on the way, then the image. What goes wrong
 * after the head was sent is an event `error`, which OpenAI's clients throw.
 */
export async function streamImage(
  accepted: JobRecord,
  partialImages: number,
  reply: FastifyReply,
  terms: StreamTerms,
): Promise<FastifyReply> {
  const { deps, leaving } = terms;
  const { raw: response } = reply.type(EVENT_STREAM_TYPE).header("X-Accel-Buffering", "no").hijack();
  response.writeHead(200, reply.getHeaders() as Record<string, string>);
  // Node would send it with the first event only.
  response.flushHeaders();
  const send = (name: string, data: object) => {
    if (response.writable) response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const stopPreviews = sendPreviews(accepted, partialImages, deps, (event) => send(event.type, event));
  try {
    const record = await waitInStream(accepted, terms, () => response.write(HEARTBEAT));
    stopPreviews();
    if (!isFinal(record.state)) throw await terms.giveUp(record);
    if (record.state !== "completed") throw jobProblem(record);
    const event = await completedEvent(record, deps);
    send(event.type, event);
  } catch (error) {
    const isHeard = leaving.reason !== HUNG_UP;
    const problem = noteFailure(error, isHeard, reply);
    if (isHeard) send("error", openAiError(problem));
  } finally {
    stopPreviews();
    response.end();
  }
  return reply;
}

/** The head is out already: metrics and traces take the failure from the request, and the log has a line of its own. */
function noteFailure(error: unknown, isHeard: boolean, { request, log }: FastifyReply): Problem {
  const problem = problemOf(error);
  if (isHeard) request.problemCode = problem.code;
  if (problem.code === "internal") log.error({ err: error }, "request failed");
  else if (isHeard) log.warn({ code: problem.code, reason: problem.message }, "a streamed answer ended with an error");
  return problem;
}

async function completedEvent(record: JobRecord, { queue, models }: ApiDeps): Promise<OpenAiCompletedImage> {
  const b64_json = await imageBase64(record, 0, queue);
  const facts = imageFacts(record, models);
  return { type: "image_generation.completed", b64_json, created_at: unixTime(record.finishedAt), ...facts };
}

/** Sends `most` of the job's previews at most, spread over its steps; returns what stops it. */
function sendPreviews(
  record: JobRecord,
  most: number,
  { queue, models }: ApiDeps,
  send: (event: OpenAiPartialImage) => void,
): () => void {
  if (most === 0 || isFinal(record.state)) return () => {};
  const wanted = previewChoice(most);
  const looks = imageLooks(record, models);
  let sent = 0;
  return queue.subscribe(record.spec.id, {
    onChange: () => {},
    onPreview: (preview) => {
      if (!wanted(preview)) return;
      const type = "image_generation.partial_image";
      const place = { partial_image_index: sent++, created_at: unixTime() };
      send({ type, b64_json: base64(preview.bytes), ...place, ...looks });
    },
  });
}

/** Takes the first preview of each of `most` equal parts of the way that is left, the very first part going by. */
export function previewChoice(most: number): (preview: Pick<Preview, "step" | "of">) => boolean {
  let left = most;
  let from = 1 / (most + 1);
  return ({ step, of }) => {
    const done = step / of;
    // The last step's picture is the image itself.
    if (left === 0 || done < from || step >= of) return false;
    left--;
    from = done + (1 - done) / (left + 1);
    return true;
  };
}

/** Between two looks at a queue that can't be reached. */
const RETRY_MS = 1000;

/** The final record, or the last one known when the wait is left. Says now and then that the server is still here. */
async function waitInStream(
  accepted: JobRecord,
  { leaving, deps, limits }: StreamTerms,
  beat: () => void,
): Promise<JobRecord> {
  let record = accepted;
  while (!isFinal(record.state) && !leaving.aborted) {
    record = (await look(record, limits.heartbeatMs, leaving, deps.queue)) ?? record;
    if (!isFinal(record.state) && !leaving.aborted) beat();
  }
  return record;
}

/** Undefined where the queue can't be reached. Throws `job_expired` where it no longer knows the job. */
async function look(record: JobRecord, waitMs: number, leaving: AbortSignal, queue: JobQueue) {
  try {
    const seen = await queue.wait(record.spec.id, waitMs, leaving);
    if (!seen) throw new Problem("job_expired", "The job is gone: the server keeps too few results.");
    return seen;
  } catch (error) {
    if (!(error instanceof QueueUnavailable)) throw error;
    await delay(RETRY_MS, undefined, { signal: leaving }).catch(() => {});
    return undefined;
  }
}
