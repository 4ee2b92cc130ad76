import type { components, operations } from "./schema.js";

type Schemas = components["schemas"];
type Answer<Name extends keyof operations> = operations[Name] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;

/** What to generate; only `class` is required. The client chooses the response's format itself. */
export type GenerateRequest = Omit<Schemas["GenerateRequest"], "response_format">;
/** An image file, PNG, JPEG or WebP. */
export type ImageFile = Uint8Array | Blob;
/** How to edit an image; `image` and `class` are required. */
export type EditRequest = Omit<Schemas["EditRequest"], "response_format" | "image" | "mask"> & {
  readonly image: ImageFile;
  readonly mask?: ImageFile;
};
export type Job = Schemas["Job"];
export type JobList = Answer<"listJobs">;
export type JobState = Job["state"];
export type JobImage = Job["images"][number];
export type Timing = JobImage["timing"];
export type Parameters = Job["parameters"];
export type Model = Schemas["Model"];
export type ModelList = Answer<"listModels">;
export type ClassList = Answer<"listClasses">;

/** A change of a job, by the name of its event. */
export type JobEvent =
  | { readonly type: JobState; readonly job: Job }
  | { readonly type: "progress"; readonly progress: Schemas["ProgressEvent"] }
  | { readonly type: "preview"; readonly preview: Preview };

/** An unfinished image. */
export interface Preview {
  readonly index: number;
  /** Steps done, out of `of`. */
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

/** Finished images with their seed and parameters, which give the same bytes again. */
export interface Generation {
  readonly images: readonly [Image, ...Image[]];
  readonly seed: number;
  readonly parameters: Parameters;
  readonly model: string;
  /** Timing of the image that finished last. */
  readonly timing: Timing;
  readonly job: Job;
}

export interface CallOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal;
}

export interface ListOptions extends CallOptions {
  /** Jobs of this state only. */
  readonly state?: JobState;
  /** Jobs of one page; 20 when absent. */
  readonly limit?: number;
  /** `next_cursor` of the page before. */
  readonly cursor?: string;
}

export interface SubmitOptions extends CallOptions {
  /** Lets a repeated request find its job; random when absent, so that requests can be repeated safely. */
  readonly idempotencyKey?: string;
}

export interface EventOptions extends CallOptions {
  /** Whether to receive previews of unfinished images. */
  readonly previews?: boolean;
}
