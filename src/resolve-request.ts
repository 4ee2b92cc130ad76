import { randomBytes } from "node:crypto";
import { type FieldError, Problem } from "./errors.js";
import { BEST_COMPRESSION, type GenerateRequest, type JobSpec, MAX_SIDE, type OutputSize } from "./job.js";
import { checkParameters } from "./model/check-parameters.js";
import { findClass } from "./model/find-class.js";
import type { Manifest, ModelClass } from "./model/manifest.js";
import { DefaultParameters, type SamplingParameters } from "./model/parameters.js";
import { presetOfQuality } from "./model/quality.js";
import type { ModelRegistry } from "./model/registry.js";
import { showValue } from "./validation/field-errors.js";

/** The part of a job that depends on the request and the model. */
export type ResolvedRequest = Pick<
  JobSpec,
  | "model"
  | "preset"
  | "parameters"
  | "seed"
  | "num_images"
  | "output_format"
  | "output_compression"
  | "output_size"
  | "priority"
>;

/**
 * Completes a valid request: its own fields override the preset's, which override the model's defaults; a missing seed is
 * drawn at random. Throws a `Problem` that names the fields that do not fit the model.
 */
export function resolveRequest(
  request: GenerateRequest,
  models: ModelRegistry,
  maxImagesPerJob: number,
): ResolvedRequest {
  const manifest = resolveModel(request.model, models);
  const preset = resolvePreset(request, manifest);
  const classIndex = resolveClass(request.class, manifest);
  const asked = Object.entries(request).filter(([name]) => Object.hasOwn(DefaultParameters.properties, name));
  const parameters: SamplingParameters = {
    ...manifest.defaults,
    ...(preset !== undefined && manifest.presets[preset]!.parameters),
    ...Object.fromEntries(asked),
    class: classIndex,
  };
  const numImages = request.num_images ?? 1;
  const faults = checkParameters(parameters, manifest.architecture);
  const errors: FieldError[] = faults.map(({ field, message }) => ({ pointer: `/${field}`, message }));
  errors.push(...checkNumImages(numImages, maxImagesPerJob));
  const outputFormat = request.output_format ?? "png";
  const { output_compression } = request;
  if (outputFormat === "png" && output_compression !== undefined) {
    const message = 'must be absent unless output_format is "jpeg" or "webp"; PNG is lossless';
    errors.push({ pointer: "/output_compression", message });
  }
  const outputSize = resolveSize(request, manifest);
  if (outputSize) errors.push(...checkSize(outputSize, manifest));
  if (errors.length > 0) throw invalid("invalid_request", errors);
  return {
    model: manifest.name,
    ...(preset !== undefined && { preset }),
    parameters,
    seed: request.seed ?? drawSeed(),
    num_images: numImages,
    output_format: outputFormat,
    ...(outputFormat !== "png" && { output_compression: output_compression ?? BEST_COMPRESSION }),
    ...(outputSize && { output_size: outputSize }),
    priority: request.priority ?? "normal",
  };
}

/** A random seed from 0 to 2^53 - 1. */
export function drawSeed(): number {
  return Number(randomBytes(8).readBigUInt64BE() >> 11n);
}

/** The named model, or the default one. Throws `unknown_model`. */
export function resolveModel(name: string | undefined, models: ModelRegistry): Manifest {
  const manifest = models.get(name ?? models.default);
  if (manifest) return manifest;
  const known = models.list().map((model) => model.name);
  throw invalid("unknown_model", [
    {
      pointer: "/model",
      message: `must be ${known.map((model) => `"${model}"`).join(" or ")}, not ${showValue(name)}`,
    },
  ]);
}

/** The name of the preset that the request or the model asks for, if any. Throws `unknown_preset` and `invalid_request`. */
function resolvePreset({ preset: name, quality }: GenerateRequest, manifest: Manifest): string | undefined {
  if (quality !== undefined) {
    const preset = name === undefined ? presetOfQuality(quality, manifest) : undefined;
    if (preset !== undefined) return preset;
    const message = `must be absent ${name === undefined ? "for this model, which has no presets" : "with preset"}`;
    throw invalid("invalid_request", [{ pointer: "/quality", message }]);
  }
  const { presets, default_preset } = manifest;
  const asked = name ?? default_preset;
  if (asked === undefined || Object.hasOwn(presets, asked)) return asked;
  const known = Object.keys(presets);
  const wanted = known.length > 0 ? `must be ${known.map((preset) => `"${preset}"`).join(" or ")}` : "must be absent";
  throw invalid("unknown_preset", [
    { pointer: "/preset", message: `${wanted} for this model, not ${showValue(name)}` },
  ]);
}

function resolveClass(asked: number | string | null, manifest: Manifest): number | null {
  if (asked === null) return null;
  const search = findClass(manifest, asked);
  if (search.kind === "found") return search.class.index;
  const message =
    search.kind === "ambiguous"
      ? `${showValue(asked)} names ${search.classes.length} classes: choose ${listClasses(search.classes)}`
      : unknownClass(asked, manifest, search.suggestions);
  throw invalid("unknown_class", [{ pointer: "/class", message }]);
}

function unknownClass(asked: number | string, manifest: Manifest, suggestions: readonly string[]): string {
  const range = `an index from 0 to ${manifest.classes.length - 1}, a class name of ${manifest.name}, or null`;
  const sentence = `must be ${range}, not ${showValue(asked)}`;
  if (suggestions.length > 0) return `${sentence}; did you mean ${suggestions.map(showValue).join(" or ")}?`;
  const isQuotedIndex = typeof asked === "string" && manifest.classes[Number(asked)] !== undefined;
  return isQuotedIndex ? `${sentence}; write an index without quotes` : sentence;
}

function listClasses(classes: readonly ModelClass[]): string {
  return classes.map(({ index, id, name }) => `${index} (${id ? `${id}, ` : ""}${name})`).join(" or ");
}

/** Undefined for the model's own size. If one side is missing, the proportions stay. */
function resolveSize({ width, height, scaling = "smooth" }: GenerateRequest, manifest: Manifest) {
  const { image_width, image_height } = manifest.architecture.tokenizer;
  const size: OutputSize = {
    width: width ?? (height === undefined ? image_width : Math.round((image_width * height) / image_height)),
    height: height ?? (width === undefined ? image_height : Math.round((image_height * width) / image_width)),
    scaling,
  };
  return size.width === image_width && size.height === image_height ? undefined : size;
}

function checkSize({ width, height, scaling }: OutputSize, { architecture, name }: Manifest): FieldError[] {
  const { image_width, image_height } = architecture.tokenizer;
  const errors: FieldError[] = [];
  for (const [field, pixels] of Object.entries({ width, height })) {
    const message = `must be an integer from 1 to ${MAX_SIDE}; in the proportions of ${name} it would be ${pixels}`;
    if (pixels < 1 || pixels > MAX_SIDE) errors.push({ pointer: `/${field}`, message });
  }
  if (scaling === "pixelated" && (width % image_width !== 0 || height % image_height !== 0)) {
    const message = `must be "smooth" unless the size is a multiple of ${image_width}x${image_height}, that of ${name}`;
    errors.push({ pointer: "/scaling", message });
  }
  return errors;
}

function checkNumImages(numImages: number, maxImagesPerJob: number): FieldError[] {
  if (numImages <= maxImagesPerJob) return [];
  return [{ pointer: "/num_images", message: `must be an integer from 1 to ${maxImagesPerJob}, not ${numImages}` }];
}

function invalid(code: "invalid_request" | "unknown_class" | "unknown_model" | "unknown_preset", errors: FieldError[]) {
  const detail = errors.map(({ pointer, message }) => `${pointer.slice(1)} ${message}.`).join(" ");
  return new Problem(code, detail.replaceAll("?.", "?"), { errors });
}
