import { type FieldError, Problem } from "../../errors.js";
import type { GenerateRequest } from "../../job.js";
import type { Manifest } from "../../model/manifest.js";
import { resolveModel } from "../../resolve-request.js";
import { showValue } from "../../validation/field-errors.js";
import type { ApiDeps } from "../deps.js";
import { classOfPrompt } from "./prompt.js";
import { type OpenAiImageRequest, OwnParameters } from "./schemas.js";

/** Translates a request of OpenAI's API. Throws a `Problem` that names the fields as they were sent. */
export function toGenerateRequest(body: OpenAiImageRequest, { models, config }: ApiDeps): GenerateRequest {
  const manifest = resolveModel(body.model ?? undefined, models);
  const errors = [...checkSize(body.size, manifest), ...checkCount(body, config.maxImagesPerJob), ...checkStream(body)];
  if (errors.length > 0) {
    const detail = errors.map(({ pointer, message }) => `${pointer.slice(1)} ${message}.`).join(" ");
    throw new Problem("invalid_request", detail, { errors });
  }
  const own = Object.entries(body).filter(([name]) => Object.hasOwn(OwnParameters.properties, name));
  return {
    ...Object.fromEntries(own),
    model: manifest.name,
    class: body.class === undefined ? classOfPrompt(body.prompt, manifest).index : body.class,
    num_images: body.n ?? 1,
  };
}

/** The size in pixels as OpenAI's API writes it. */
export function sizeOf({ architecture: { tokenizer } }: Manifest): string {
  return `${tokenizer.image_width}x${tokenizer.image_height}`;
}

function checkSize(size: string | null | undefined, manifest: Manifest): FieldError[] {
  const own = sizeOf(manifest);
  if (size == null || size === "auto" || size === own) return [];
  return [{ pointer: "/size", message: `must be "${own}" or "auto" for ${manifest.name}, not ${showValue(size)}` }];
}

function checkCount({ n, stream }: OpenAiImageRequest, maxImagesPerJob: number): FieldError[] {
  if (n == null || n === 1) return [];
  if (stream) return [{ pointer: "/n", message: `must be 1 with "stream": true, not ${n}` }];
  if (n <= maxImagesPerJob) return [];
  return [{ pointer: "/n", message: `must be an integer from 1 to ${maxImagesPerJob}, not ${n}` }];
}

function checkStream({ stream, partial_images, response_format }: OpenAiImageRequest): FieldError[] {
  if (stream && response_format === "url") {
    return [{ pointer: "/response_format", message: 'must be "b64_json" or absent with "stream": true' }];
  }
  if (stream || !partial_images) return [];
  return [{ pointer: "/partial_images", message: 'must be 0 or absent without "stream": true' }];
}
