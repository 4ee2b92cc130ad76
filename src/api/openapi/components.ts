import Type, { type Static, type TSchema } from "typebox";
import { EditRequest } from "../../editing/edit-request.js";
import { PROBLEMS, type ProblemCode } from "../../errors.js";
import { GenerateRequest } from "../../job.js";
import { PreviewEvent, ProgressEvent } from "../events/event-text.js";
import { PROBLEM_TYPE, ProblemDocument } from "../http/problem-document.js";
import { IMAGE_TYPES } from "../http/request-headers.js";
import { OpenAiError } from "../openai/error.js";
import { OpenAiEditRequest, OpenAiImageRequest, OpenAiVariationRequest } from "../openai/request-schemas.js";
import { OpenAiCompletedImage, OpenAiImages, OpenAiModel, OpenAiPartialImage } from "../openai/schemas.js";
import { JobResource } from "../resources/job-resource.js";
import { ModelResource } from "../resources/model-resource.js";

/** The named schemas of the OpenAPI document, and what several routes share in it. */
export const COMPONENTS = {
  GenerateRequest: Type.Unsafe<GenerateRequest>({
    ...GenerateRequest,
    description: "What to generate. Only `class` is required.",
    examples: [
      { class: "star", seed: 7 },
      { class: null, num_images: 4, steps: 32, guidance_scale: 2.5 },
    ],
  }),
  EditRequest: Type.Unsafe<EditRequest>({
    ...EditRequest,
    description: "What to edit and how. Only `image` and `class` are required.",
  }),
  Job: JobResource,
  ProgressEvent,
  PreviewEvent,
  Model: ModelResource,
  Problem: ProblemDocument,
  OpenAiImageRequest,
  OpenAiEditRequest,
  OpenAiVariationRequest,
  OpenAiImages,
  OpenAiPartialImage,
  OpenAiCompletedImage,
  OpenAiModel,
  OpenAiError,
} as const;
type ComponentName = keyof typeof COMPONENTS;

/** A reference to a named schema. */
export function component<Name extends ComponentName>(name: Name) {
  return Type.Unsafe<Static<(typeof COMPONENTS)[Name]>>(Type.Ref(`${name}#`));
}

/** The schema that a reference stands for; any other schema as it is. */
export function resolveComponent(schema: TSchema): TSchema {
  const reference = (schema as { $ref?: string }).$ref;
  return reference === undefined ? schema : COMPONENTS[reference.slice(0, -1) as ComponentName];
}

export const IdempotencyKeyHeader = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 200,
    description: "Printable ASCII without spaces. The same key with the same body finds the same job.",
  }),
);

/** The bytes of an image in any format. */
export const imageContent = Object.fromEntries(
  IMAGE_TYPES.map((type) => [type, { schema: Type.Unsafe({ type: "string", format: "binary" }) }]),
);

/** Why a request for images is not accepted, or its job ends without images. */
export const SUBMIT_PROBLEMS: readonly ProblemCode[] = [
  "malformed_json",
  "invalid_request",
  "unknown_class",
  "unknown_preset",
  "unknown_model",
  "idempotency_conflict",
  "job_cancelled",
  "job_expired",
  "job_lost",
  "body_too_large",
  "unsupported_media_type",
  "queue_full",
  "images_per_minute_exceeded",
  "concurrent_images_exceeded",
  "webhooks_backed_up",
  "generation_failed",
  "no_worker",
  "queue_draining",
  "queue_unavailable",
  "shutting_down",
  "deadline_exceeded",
];

/** Response schemas of a route's problems, one for each status, including those of a missing key. */
export function problemResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  return openProblemResponses(...codes, ...KEY_CODES);
}

/** The same for a route that requires no key. */
export function openProblemResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  return errorResponses([...codes, ...ANY_ROUTE], { [PROBLEM_TYPE]: { schema: component("Problem") } });
}

/** The same for a route that requires a key and answers in the shapes of OpenAI's API. */
export function openAiResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  const content = { "application/json": { schema: component("OpenAiError") } };
  const responses = errorResponses([...codes, ...KEY_CODES, ...ANY_ROUTE], content);
  // Input that never became a request has no path, so it gets the default shape.
  return { ...responses, ...errorResponses(NO_REQUEST, { [PROBLEM_TYPE]: { schema: component("Problem") } }) };
}

function errorResponses(codes: ProblemCode[], content: object): Record<number, TSchema> {
  const lines = new Map<number, string[]>();
  for (const code of new Set(codes)) {
    const { status, title } = PROBLEMS[code];
    lines.set(status, [...(lines.get(status) ?? []), `\`${code}\`: ${title}.`]);
  }
  const headers = { "Retry-After": { type: "integer", description: "Seconds to wait before the next attempt." } };
  return Object.fromEntries(
    Array.from(lines, ([status, texts]) => {
      const description = texts.join(" ");
      const isTemporary = RETRIED.includes(status);
      return [status, Type.Unsafe(isTemporary ? { description, headers, content } : { description, content })];
    }),
  );
}

/** Statuses that come with `Retry-After`. */
const RETRIED = [429, 503];

/** Problems of routes that require a key. */
const KEY_CODES: ProblemCode[] = ["unauthorized", "too_many_failures"];

/** Problems of every route: before the input becomes a request, and after. */
const NO_REQUEST: ProblemCode[] = ["request_timeout", "header_too_large"];
const ANY_ROUTE: ProblemCode[] = [...NO_REQUEST, "invalid_request", "misdirected", "uri_too_long", "internal"];
