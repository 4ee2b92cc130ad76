import Type, { type Static, type TSchema } from "typebox";
import { PROBLEMS, type ProblemCode } from "../../errors.js";
import { GenerateRequest } from "../../job.js";
import { PreviewEvent, ProgressEvent } from "../events/event-text.js";
import { PROBLEM_TYPE, ProblemDocument } from "../http/problem-document.js";
import { OpenAiError } from "../openai/error.js";
import { OpenAiModel } from "../openai/models-schema.js";
import { OpenAiCompletedImage, OpenAiImageRequest, OpenAiImages, OpenAiPartialImage } from "../openai/schemas.js";
import { JobResource } from "../resources/job-resource.js";
import { ModelResource } from "../resources/model-resource.js";

/** The schemas that the OpenAPI document names; routes refer to them. */
export const COMPONENTS = {
  GenerateRequest: Type.Unsafe<GenerateRequest>({
    ...GenerateRequest,
    description: "What to generate. Only `class` is required.",
    examples: [
      { class: "star", seed: 7 },
      { class: null, num_images: 4, steps: 32, guidance_scale: 2.5 },
    ],
  }),
  Job: JobResource,
  ProgressEvent,
  PreviewEvent,
  Model: ModelResource,
  Problem: ProblemDocument,
  OpenAiImageRequest,
  OpenAiImages,
  OpenAiPartialImage,
  OpenAiCompletedImage,
  OpenAiModel,
  OpenAiError,
} as const;
type ComponentName = keyof typeof COMPONENTS;

export function component<Name extends ComponentName>(name: Name) {
  return Type.Unsafe<Static<(typeof COMPONENTS)[Name]>>(Type.Ref(`${name}#`));
}

/** The schema itself, where `schema` is a reference to a component. */
export function resolveComponent(schema: TSchema): TSchema {
  const reference = (schema as { $ref?: string }).$ref;
  return reference === undefined ? schema : COMPONENTS[reference.slice(0, -1) as ComponentName];
}

/** Response schemas of the problems that a route answers with, one for each status; those of a missing key among them. */
export function problemResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  return openProblemResponses(...codes, ...KEY_CODES);
}

/** The same for a route that needs no key. */
export function openProblemResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  return errorResponses([...codes, ...ANY_ROUTE], { [PROBLEM_TYPE]: { schema: component("Problem") } });
}

/** The same for a route that needs a key and answers in the shapes of OpenAI's API. */
export function openAiResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  const content = { "application/json": { schema: component("OpenAiError") } };
  const responses = errorResponses([...codes, ...KEY_CODES, ...ANY_ROUTE], content);
  // What never became a request has no path, and so no shape of its own.
  return { ...responses, ...errorResponses(NO_REQUEST, { [PROBLEM_TYPE]: { schema: component("Problem") } }) };
}

function errorResponses(codes: ProblemCode[], content: object): Record<number, TSchema> {
  const lines = new Map<number, string[]>();
  for (const code of new Set(codes)) {
    const { status, title } = PROBLEMS[code];
    lines.set(status, [...(lines.get(status) ?? []), `\`${code}\`: ${title}.`]);
  }
  const headers = { "Retry-After": { type: "integer", description: "Seconds after which to try again." } };
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

/** Of routes that need a key. */
const KEY_CODES: ProblemCode[] = ["unauthorized", "too_many_failures"];

/** What any request may meet: before it is one, and after. */
const NO_REQUEST: ProblemCode[] = ["request_timeout", "header_too_large"];
const ANY_ROUTE: ProblemCode[] = [...NO_REQUEST, "invalid_request", "misdirected", "uri_too_long", "internal"];
