import Type, { type Static } from "typebox";
import type { Problem } from "../../errors.js";

/** The same problems in the shape of OpenAI's API. */

export const OpenAiError = Type.Object(
  {
    error: Type.Object({
      message: Type.String({ description: "What is wrong, and what would be right." }),
      type: Type.Union(
        [
          Type.Literal("invalid_request_error"),
          Type.Literal("authentication_error"),
          Type.Literal("permission_error"),
          Type.Literal("rate_limit_error"),
          Type.Literal("server_error"),
        ],
        { description: "The kind of error." },
      ),
      param: Type.Union([Type.String(), Type.Null()], { description: "The first wrong field, if a field is wrong." }),
      code: Type.String({ description: "The same stable codes as in problem documents." }),
    }),
  },
  { description: "An error of the routes under `/v1`." },
);
export type OpenAiError = Static<typeof OpenAiError>;

export const OPENAI_ERROR_TYPE = "application/json; charset=utf-8";

/** Paths of OpenAI's API behind a wrong base address. */
const OPENAI_ENDPOINT =
  /\/(?:v1\/models(?:\/[^/]+)?|images\/(?:generations|edits|variations)|(?:chat\/)?completions|embeddings|responses)$/;

/** Whether responses at this address, including errors, have the shapes of OpenAI's API. */
export function speaksOpenAi(url: string): boolean {
  const path = url.split("?", 1)[0]!;
  return /^\/v1(?:\/|$)/.test(path) || OPENAI_ENDPOINT.test(path);
}

/** For a client that asked for something else: where OpenAI's API is. */
export function openAiHint(path: string, publicPath: string): string {
  const served = /\/(images\/(?:generations|edits|variations)|models(?:\/[^/]+)?)$/.exec(path)?.[1];
  const base = `${publicPath}/v1`;
  if (served === undefined)
    return `Of OpenAI's API, this server has POST ${base}/images/generations, edits and variations, and GET ${base}/models.`;
  return `Did you mean ${base}/${served}? The base address of OpenAI's clients must end in /v1, once.`;
}

export function openAiError({ status, code, message, options }: Problem): OpenAiError {
  const pointer = options.errors?.[0]?.pointer;
  return { error: { message, type: typeOf(status, code), param: pointer ? pointer.slice(1) : null, code } };
}

/** OpenAI's clients retry after 409 and any 5xx unless a header says that it would not help, and where it says that it would. */
export function retryAdvice({ code }: Problem): Record<string, string> {
  if (code === "job_lost") return { "X-Should-Retry": "true" };
  return FINAL_CODES.has(code) ? { "X-Should-Retry": "false" } : {};
}

const FINAL_CODES = new Set<Problem["code"]>([
  "idempotency_conflict",
  "job_cancelled",
  "generation_failed",
  "deadline_exceeded",
]);

function typeOf(status: number, code: Problem["code"]): OpenAiError["error"]["type"] {
  if (code === "job_lost") return "server_error";
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}
