import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { PROBLEMS, Problem, type ProblemCode } from "../../errors.js";
import { QueueUnavailable } from "../../queue/queue.js";
import { OPENAI_ERROR_TYPE, openAiError, retryAdvice, speaksOpenAi } from "../openai/error.js";

/** Errors as RFC 9457 documents, or in OpenAI's shape under `/v1`, made in this one place. */

const codes = Object.keys(PROBLEMS) as ProblemCode[];

export const ProblemDocument = Type.Object(
  {
    type: Type.String({ description: "A stable name of the kind of problem: `urn:marimba:problem:` and the code." }),
    title: Type.String({ description: "The kind of problem, the same sentence every time." }),
    status: Type.Integer({ description: "The HTTP status." }),
    detail: Type.String({ description: "What went wrong this time, and what would be right." }),
    code: Type.Unsafe<ProblemCode>({ type: "string", enum: codes, description: "Decide by this one." }),
    instance: Type.String({ description: "Names this one occurrence: the request's id, as in the server's log." }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: "JSON pointer (RFC 6901) into the part of the request at fault." }),
          message: Type.String({ description: "What the field must be." }),
        }),
        { description: "Every field at fault, where fields are at fault." },
      ),
    ),
  },
  {
    description: "A problem document (RFC 9457).",
    examples: [
      {
        type: "urn:marimba:problem:invalid_request",
        title: PROBLEMS.invalid_request.title,
        status: 400,
        detail: 'The body is not valid: seed must be an integer from 0 to 9007199254740991, not "7".',
        code: "invalid_request",
        instance: "urn:marimba:request:3f0f3b0e-6b0c-4a1e-9a53-6f4f0c8f2f5e",
        errors: [{ pointer: "/seed", message: 'must be an integer from 0 to 9007199254740991, not "7"' }],
      },
    ],
  },
);
export type ProblemDocument = Static<typeof ProblemDocument>;

export const PROBLEM_TYPE = "application/problem+json";

export function problemDocument(problem: Problem, requestId: string): ProblemDocument {
  const { errors } = problem.options;
  return {
    type: `urn:marimba:problem:${problem.code}`,
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    detail: problem.message,
    code: problem.code,
    instance: `urn:marimba:request:${requestId}`,
    ...(errors && { errors: errors.map(({ pointer, message }) => ({ pointer, message })) }),
  };
}

/**
 * Answers with the problem that an error stands for, in the shape that its address has; what is ours to mend is logged,
 * and told in one bland sentence.
 */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  request.problemCode = problem.code;
  if (problem.code === "body_too_large") readRest(request, reply);
  if (error instanceof QueueUnavailable) request.log.warn({ reason: error.message }, "the queue can't be reached");
  else if (problem.status >= 500 && problem !== error) request.log.error({ err: error }, "request failed");
  reply.code(problem.status).headers(problem.options.headers ?? {});
  if (!speaksOpenAi(request.url)) return reply.type(PROBLEM_TYPE).send(problemDocument(problem, request.id));
  return reply.headers(retryAdvice(problem)).type(OPENAI_ERROR_TYPE).send(openAiError(problem));
}

/** A body up to this size is read to its end, and dropped, when it was refused. */
const MAX_DRAINED_BYTES = 16 * 1024 * 1024;

/** Closing a connection on a client that still sends resets it, and the client never reads why. */
function readRest(request: FastifyRequest, reply: FastifyReply): void {
  if (Number(request.headers["content-length"]) <= MAX_DRAINED_BYTES) reply.removeHeader("connection");
}

/** Fastify's own errors in our words. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof QueueUnavailable) {
    const detail = "The queue can't be reached now; try again soon. Jobs that were accepted are kept.";
    return new Problem("queue_unavailable", detail, { headers: { "Retry-After": "5" } });
  }
  const { code, statusCode } = (error ?? {}) as { code?: string; statusCode?: number };
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new Problem("body_too_large", "A request's body has at most 64 KiB.");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new Problem("unsupported_media_type", "Send the body as `Content-Type: application/json`.");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new Problem("invalid_request", "The body's length is not the Content-Length.");
    case "FST_ERR_BAD_URL":
      return new Problem("invalid_request", "The address's percent-encoding is broken.");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new Problem("uri_too_long", "No id or name in an address is that long.");
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem("invalid_request", "The request could not be read to its end.");
  }
  return new Problem("internal", "The server made a mistake; its log tells more under the request's id.");
}
