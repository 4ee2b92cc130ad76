import Type, { type Static, type TSchema } from "typebox";
import { PROBLEMS, type ProblemCode } from "../errors.js";
import { GenerateRequest } from "../job.js";
import { JobPreview, JobProgress } from "./events/event-text.js";
import { JobResource } from "./job-resource.js";
import { ModelResource } from "./model-resource.js";
import { OpenAiError } from "./openai/error.js";
import { OpenAiCompletedImage, OpenAiImageRequest, OpenAiImages, OpenAiPartialImage } from "./openai/images-schema.js";
import { OpenAiModel } from "./openai/models-schema.js";
import { PROBLEM_TYPE, ProblemDocument } from "./problem-document.js";

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
  JobProgress,
  JobPreview,
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

/** Response schemas of the problems that a route answers with, one for each status. */
export function problemResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  return errorResponses(codes, { [PROBLEM_TYPE]: { schema: component("Problem") } });
}

/** The same for a route that answers in the shapes of OpenAI's API. */
export function openAiResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  const responses = errorResponses(codes, { "application/json": { schema: component("OpenAiError") } });
  // What never became a request has no path, and so no shape of its own.
  return { ...responses, ...errorResponses([], { [PROBLEM_TYPE]: { schema: component("Problem") } }, NO_REQUEST) };
}

function errorResponses(codes: ProblemCode[], content: object, always = ANY_ROUTE): Record<number, TSchema> {
  const lines = new Map<number, string[]>();
  for (const code of [...codes, ...always]) {
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

/** What any request may meet: before it is one, and after. */
const NO_REQUEST: ProblemCode[] = ["request_timeout", "header_too_large"];
const ANY_ROUTE: ProblemCode[] = [...NO_REQUEST, "uri_too_long", "internal"];
