import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { PROBLEMS, Problem, type ProblemCode } from "../../errors.js";
import { QueueUnavailable } from "../../queue/queue.js";
import { OPENAI_ERROR_TYPE, openAiError, retryAdvice, speaksOpenAi } from "../openai/error.js";

/** The one place that turns errors into responses: RFC 9457 documents or, under `/v1`, OpenAI's shape. */

const codes = Object.keys(PROBLEMS) as ProblemCode[];

export const ProblemDocument = Type.Object(
  {
    type: Type.String({ description: "Identifies the kind of problem: `urn:marimba:problem:` and the code." }),
    title: Type.String({ description: "The kind of problem, always in the same words." }),
    status: Type.Integer({ description: "The HTTP status." }),
    detail: Type.String({ description: "What is wrong with this request, and what would be right." }),
    code: Type.Unsafe<ProblemCode>({
      type: "string",
      enum: codes,
      description: "The kind of problem, for programs: codes are stable.",
    }),
    instance: Type.String({ description: "This occurrence: the request's id, as in the server's log." }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: "JSON pointer (RFC 6901) to the wrong field." }),
          message: Type.String({ description: "What the field must be." }),
        }),
        { description: "The wrong fields, if fields are wrong." },
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
 * Answers a request with an error, in the shape that belongs to its address. Server errors are logged in full; the client
 * only learns that there was one.
 */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  request.problemCode = problem.code;
  if (problem.code === "body_too_large") readRest(request, reply);
  if (error instanceof QueueUnavailable) request.log.warn({ reason: error.message }, "the queue is not reachable");
  else if (problem.status >= 500 && problem !== error) request.log.error({ err: error }, "request failed");
  reply.code(problem.status).headers(problem.options.headers ?? {});
  if (!speaksOpenAi(request.url)) return reply.type(PROBLEM_TYPE).send(problemDocument(problem, request.id));
  return reply.headers(retryAdvice(problem)).type(OPENAI_ERROR_TYPE).send(openAiError(problem));
}

/** A refused body up to this size is still read to its end, and dropped. */
const MAX_DRAINED_BYTES = 64 * 1024 * 1024;

/** Closing the connection while the client still sends resets it, so the client would never see the response. */
function readRest(request: FastifyRequest, reply: FastifyReply): void {
  if (Number(request.headers["content-length"]) <= MAX_DRAINED_BYTES) reply.removeHeader("connection");
}

/** The problem that an error stands for, be it ours or Fastify's. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof QueueUnavailable) {
    const detail = "The queue is not reachable at the moment; try again soon. Accepted jobs are not lost.";
    return new Problem("queue_unavailable", detail, { headers: { "Retry-After": "5" } });
  }
  const { code, statusCode } = (error ?? {}) as { code?: string; statusCode?: number };
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return new Problem(
        "body_too_large",
        "The body may have at most 64 KiB, or 512 KiB at /v1/images/generations, or 16 MiB with images to edit.",
      );
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return new Problem(
        "unsupported_media_type",
        "Send the body as `Content-Type: application/json`, or images to edit as multipart/form-data.",
      );
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return new Problem("invalid_request", "The length of the body differs from Content-Length.");
    case "FST_ERR_BAD_URL":
      return new Problem("invalid_request", "The address has invalid percent-encoding.");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return new Problem("uri_too_long", "An id or name in the address is too long.");
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem("invalid_request", "The request could not be read to its end.");
  }
  return new Problem("internal", "Something went wrong in the server; its log has the details under the request's id.");
}
