import { setTimeout as delay } from "node:timers/promises";
import type { FastifyReply } from "fastify";
import type { Problem } from "../../errors.js";
import { isFinal, type JobRecord, type Preview } from "../../job.js";
import { type JobQueue, lostRecord, QueueUnavailable } from "../../queue/queue.js";
import type { RouteDeps } from "../deps.js";
import { EVENT_STREAM_TYPE, HEARTBEAT } from "../events/event-text.js";
import { problemOf } from "../http/problem-document.js";
import { jobProblem } from "../resources/job-resource.js";
import { DISCONNECTED, type Submission } from "../resources/submit-job.js";
import { openAiError } from "./error.js";
import { base64, imageBase64, imageFacts, partialFacts, unixTime } from "./image-facts.js";
import type { Translation } from "./image-request.js";
import type { OpenAiCompletedImage, OpenAiPartialImage } from "./schemas.js";

export interface StreamedAnswer {
  readonly answer: Translation;
  readonly partialImages: number;
}

/**
 * Answers with events named after their type: at most `partialImages` unfinished versions of each image, then all
 * images. An error after the head was sent becomes an event `error`, which OpenAI's clients throw. `giveUp` returns the error for a wait that
 * ended before the job did.
 */
export async function streamImages(
  submission: Submission,
  { answer, partialImages }: StreamedAnswer,
  reply: FastifyReply,
  giveUp: (record: JobRecord) => Promise<Problem>,
  deps: RouteDeps,
): Promise<FastifyReply> {
  const { record: accepted, disconnected } = submission;
  const { raw: response } = reply.type(EVENT_STREAM_TYPE).header("X-Accel-Buffering", "no").hijack();
  response.writeHead(200, reply.getHeaders() as Record<string, string>);
  // Node would send it with the first event only.
  response.flushHeaders();
  const send = (name: string, data: object) => {
    if (response.writable) response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const kind = accepted.spec.edit ? "image_edit" : "image_generation";
  const looks = partialFacts(accepted, answer, deps.models);
  const stopPreviews = sendPreviews(accepted, partialImages, deps.queue, (image) => {
    const type = `${kind}.partial_image` as const;
    send(type, { type, ...image, ...looks } satisfies OpenAiPartialImage);
  });
  try {
    const record = await waitInStream(submission, deps, () => response.write(HEARTBEAT));
    stopPreviews();
    if (!isFinal(record.state)) throw await giveUp(record);
    if (record.state !== "completed") throw jobProblem(record);
    const facts = imageFacts(record, answer, 1, deps.models);
    for (let index = 0; index < record.spec.num_images; index++) {
      const type = `${kind}.completed` as const;
      const b64_json = await imageBase64(record, index, deps.queue);
      const image = { b64_json, image_index: index, created_at: unixTime(record.finishedAt) };
      send(type, { type, ...image, ...facts } satisfies OpenAiCompletedImage);
    }
  } catch (error) {
    const isConnected = disconnected.reason !== DISCONNECTED;
    const problem = noteFailure(error, isConnected, reply);
    if (isConnected) send("error", openAiError(problem));
  } finally {
    stopPreviews();
    response.end();
  }
  return reply;
}

/** The head was sent already, so metrics and traces take the failure from the request; the log gets a line of its own. */
function noteFailure(error: unknown, isConnected: boolean, { request, log }: FastifyReply): Problem {
  const problem = problemOf(error);
  const { code, message } = problem;
  if (isConnected) request.problemCode = code;
  if (code === "internal") log.error({ err: error }, "request failed");
  else if (isConnected) log.warn({ code, reason: message }, "a streamed response ended with an error");
  return problem;
}

type PartialImage = Pick<OpenAiPartialImage, "b64_json" | "partial_image_index" | "image_index" | "created_at">;

/** Sends at most `most` previews of each image, spread over its steps; returns a function that stops it. */
function sendPreviews(
  record: JobRecord,
  most: number,
  queue: JobQueue,
  send: (image: PartialImage) => void,
): () => void {
  if (most === 0 || isFinal(record.state)) return () => {};
  const images = Array.from({ length: record.spec.num_images }, () => ({ isWanted: previewChoice(most), sent: 0 }));
  return queue.subscribe(record.spec.id, {
    onChange: () => {},
    onPreview: (preview) => {
      const { imageIndex: image_index, bytes } = preview;
      const image = images[image_index];
      if (!image?.isWanted(preview)) return;
      send({ b64_json: base64(bytes), partial_image_index: image.sent++, image_index, created_at: unixTime() });
    },
  });
}

/** Splits the steps into `most` + 1 equal parts and chooses the first preview of each part but the first. */
export function previewChoice(most: number): (preview: Pick<Preview, "step" | "of">) => boolean {
  let left = most;
  let from = 1 / (most + 1);
  return ({ step, of }) => {
    const done = step / of;
    // After the last step the preview would be the image itself.
    if (left === 0 || done < from || step >= of) return false;
    left--;
    from = done + (1 - done) / (left + 1);
    return true;
  };
}

/** Pause between two reads while the queue is not reachable. */
const RETRY_MS = 1000;

/** The final record, or the last one known when the wait was aborted. Calls `beat` regularly, to keep the stream alive. */
async function waitInStream(
  { record: accepted, disconnected }: Submission,
  { queue, limits }: RouteDeps,
  beat: () => void,
): Promise<JobRecord> {
  let record = accepted;
  while (!isFinal(record.state) && !disconnected.aborted) {
    record = (await waitOnce(record, limits.heartbeatMs, disconnected, queue)) ?? record;
    if (!isFinal(record.state) && !disconnected.aborted) beat();
  }
  return record;
}

/** Undefined while the queue is not reachable. */
async function waitOnce(record: JobRecord, waitMs: number, disconnected: AbortSignal, queue: JobQueue) {
  try {
    return (await queue.wait(record.spec.id, waitMs, disconnected)) ?? lostRecord(record);
  } catch (error) {
    if (!(error instanceof QueueUnavailable)) throw error;
    await delay(RETRY_MS, undefined, { signal: disconnected }).catch(() => {});
    return undefined;
  }
}
