import Type, { type Static, type TSchema } from "typebox";
import { PROBLEMS, type ProblemCode } from "../errors.js";
import { GenerateRequest } from "../job.js";
import { JobResource } from "./job-resource.js";
import { ModelResource } from "./model-resource.js";
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
  Model: ModelResource,
  Problem: ProblemDocument,
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
  return openProblemResponses(...codes, "unauthorized", "too_many_failures");
}

/** The same for a route that needs no key. */
export function openProblemResponses(...codes: ProblemCode[]): Record<number, TSchema> {
  const lines = new Map<number, string[]>();
  for (const code of [...codes, ...ANY_ROUTE]) {
    const { status, title } = PROBLEMS[code];
    lines.set(status, [...(lines.get(status) ?? []), `\`${code}\`: ${title}.`]);
  }
  const headers = { "Retry-After": { type: "integer", description: "Seconds after which to try again." } };
  const content = { [PROBLEM_TYPE]: { schema: component("Problem") } };
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

/** What any request may meet. */
const ANY_ROUTE: ProblemCode[] = ["request_timeout", "uri_too_long", "header_too_large", "internal"];
