import type { TSchema } from "typebox";
import { GenerateRequest } from "../../job.js";
import { DefaultParameters } from "../../model/parameters.js";

/** What the playground's form is drawn from: the schema of each field it offers, in order, and where samples are. */
export interface FormDescription {
  readonly fields: Readonly<Record<string, TSchema>>;
  /** By model: a sheet with a little picture of each class. */
  readonly samples: Readonly<Record<string, string>>;
}

/** Sampling parameters come from their one schema, so that a new one is in the form without a word here. */
export function formDescription(maxImagesPerJob: number, modelsWithSamples: readonly string[]): FormDescription {
  const { seed, num_images } = GenerateRequest.properties;
  const numImages = { ...num_images, maximum: maxImagesPerJob };
  return {
    fields: { num_images: numImages, seed, ...DefaultParameters.properties },
    samples: Object.fromEntries(modelsWithSamples.map((model) => [model, `/playground/samples/${model}`])),
  };
}
