import type { components, operations } from "./schema.js";

type Schemas = components["schemas"];
type Answer<Name extends keyof operations> = operations[Name] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;

/** What to generate; only `class` is required. How it is answered is the client's affair. */
export type GenerateRequest = Omit<Schemas["GenerateRequest"], "response_format">;
export type Job = Schemas["Job"];
export type JobState = Job["state"];
export type JobImage = Job["images"][number];
export type Timing = JobImage["timing"];
export type Parameters = Job["parameters"];
export type Model = Schemas["Model"];
export type ModelList = Answer<"listModels">;
export type ClassList = Answer<"listClasses">;

/** One change of a job, by the name of its event. */
export type JobEvent =
  | { readonly type: JobState; readonly job: Job }
  | { readonly type: "progress"; readonly progress: Schemas["ProgressEvent"] }
  | { readonly type: "preview"; readonly preview: Preview };

/** An image as it was so far. */
export interface Preview {
  readonly index: number;
  /** Steps behind it, of how many. */
  readonly step: number;
  readonly of: number;
  readonly contentType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A finished image. */
export interface Image {
  readonly index: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly timing: Timing;
}

/** Finished images and what they were made with: the same seed and parameters give the same bytes. */
export interface Generation {
  readonly images: readonly [Image, ...Image[]];
  readonly seed: number;
  readonly parameters: Parameters;
  readonly model: string;
  /** Of the image that was done last. */
  readonly timing: Timing;
  readonly job: Job;
}

export interface CallOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal;
}

export interface SubmitOptions extends CallOptions {
  /** Leads a repeated request back to its job; drawn when absent, so that a request can be sent again safely. */
  readonly idempotencyKey?: string;
}

export interface EventOptions extends CallOptions {
  /** Whether to be sent pictures of what the images are so far. */
  readonly previews?: boolean;
}
