import type { PreparedEdit } from "../../editing/canvas.js";
import { type FieldError, Problem } from "../../errors.js";
import { type GenerateRequest, MAX_SIDE } from "../../job.js";
import type { Manifest } from "../../model/manifest.js";
import type { Quality } from "../../model/quality.js";
import { showValue } from "../../validation/field-errors.js";
import type { ApiDeps } from "../deps.js";
import type { ModelNames } from "./model-names.js";
import { type Choice, classOrFallback } from "./prompt.js";
import { type OpenAiEditRequest, type OpenAiImageRequest, OWN_PARAMETERS } from "./request-schemas.js";
import type { Adjustment } from "./schemas.js";

/** The fields of any request for images. */
export type ImagesBody = Partial<OpenAiImageRequest & Omit<OpenAiEditRequest, "image" | "images" | "mask">>;

/** A request of OpenAI's API as Marimba serves it. */
export interface Translation {
  readonly request: GenerateRequest;
  /** The quality that the response states. */
  readonly quality: Quality | "auto";
  /** What the images are made from, if they are edited. */
  readonly edit?: PreparedEdit;
  /** The fields that are served as near as possible. */
  readonly adjusted: readonly Adjustment[];
}

/**
 * Translates a request of OpenAI's API. A value that OpenAI documents, but Marimba can't serve exactly, is adjusted and
 * not refused. Throws a `Problem` that names the fields as they were sent.
 */
export function translate(
  body: ImagesBody,
  names: ModelNames,
  { promptFallback, maxImagesPerJob }: ApiDeps["config"],
  choice?: Choice,
): Translation {
  const manifest = names.resolve(body.model);
  const numImages = Number(body.n ?? 1);
  checkFields(body, numImages, maxImagesPerJob);
  const adjusted = adjustments(body);
  const quality = chooseQuality(body, manifest, adjusted);
  const own = OWN_PARAMETERS.flatMap((name) => (body[name] == null ? [] : [[name, body[name]]]));
  const request = {
    ...(quality !== "auto" && { quality }),
    ...Object.fromEntries(own),
    ...readFormat(body),
    ...readSize(body.size),
    model: manifest.name,
    class: chooseClass(body, manifest, adjusted, promptFallback, choice),
    num_images: numImages,
  };
  return { request, quality, adjusted };
}

/** A variation has no prompt. */
function chooseClass(
  { prompt, class: own }: ImagesBody,
  manifest: Manifest,
  adjusted: Adjustment[],
  promptFallback: string,
  choice?: Choice,
): GenerateRequest["class"] {
  if (own !== undefined) return own;
  return prompt === undefined ? null : classOrFallback(prompt, manifest, promptFallback, adjusted, choice);
}

/** OpenAI's API returns addresses for these two models unless asked for bytes, and their clients rely on it. */
const ADDRESSED_MODEL = /(^|\/)dall-e-[23]$/;

/** Whether the response has the images' addresses, not their bytes. */
export function wantsAddresses({ response_format, stream, model }: ImagesBody): boolean {
  const format = response_format ?? (ADDRESSED_MODEL.test(model ?? "") ? "url" : "b64_json");
  return format === "url" && !stream;
}

function checkFields({ size, n }: ImagesBody, numImages: number, maxImagesPerJob: number): void {
  const errors: FieldError[] = [];
  const { width, height } = readSize(size);
  if (!isDefaultSize(size) && !(isSide(width) && isSide(height))) {
    const wanted = `"auto" or WIDTHxHEIGHT such as "1024x1024", each from 1 to ${MAX_SIDE}`;
    errors.push({ pointer: "/size", message: `must be ${wanted}, not ${showValue(size)}` });
  }
  if (numImages > maxImagesPerJob) {
    errors.push({ pointer: "/n", message: `must be an integer from 1 to ${maxImagesPerJob}, not ${showValue(n)}` });
  }
  if (errors.length === 0) return;
  const detail = errors.map(({ pointer, message }) => `${pointer.slice(1)} ${message}.`).join(" ");
  throw new Problem("invalid_request", detail, { errors });
}

function isDefaultSize(size: string | null | undefined): boolean {
  return size == null || size === "" || size === "auto";
}

function isSide(pixels: number | undefined): boolean {
  return pixels !== undefined && pixels >= 1 && pixels <= MAX_SIDE;
}

/** Empty for the model's own size, and for text that is no size. */
function readSize(size: string | null | undefined): { width?: number; height?: number } {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(size ?? "") ?? [];
  return width === undefined ? {} : { width: Number(width), height: Number(height) };
}

/** A PNG has no compression that could be chosen. */
function readFormat({ output_format: format, output_compression }: ImagesBody) {
  if (format !== "jpeg" && format !== "webp") return {};
  return { output_format: format, ...(output_compression != null && { output_compression }) };
}

/** What stands for OpenAI's qualities. */
const QUALITIES = { low: "low", medium: "medium", high: "high", hd: "high", xhigh: "high", max: "high" } as const;

/** A preset of the request, and a model without presets, leave the quality at the model's default. */
function chooseQuality(
  { quality, preset }: ImagesBody,
  manifest: Manifest,
  adjusted: Adjustment[],
): Translation["quality"] {
  if (quality == null || quality === "auto" || quality === "standard") return "auto";
  if (preset == null && Object.keys(manifest.presets).length > 0) {
    if (quality === "xhigh" || quality === "max") adjusted.push({ param: "quality", message: "is high" });
    return QUALITIES[quality];
  }
  const message = preset == null ? `has no effect: ${manifest.name} has no presets` : "gives way to preset";
  adjusted.push({ param: "quality", message });
  return "auto";
}

/** What becomes of the values that OpenAI documents and that mean nothing here. */
function adjustments(body: ImagesBody): Adjustment[] {
  const { stream, output_format } = body;
  const isPng = output_format !== "jpeg" && output_format !== "webp";
  const cases: [applies: boolean, param: keyof ImagesBody, message: string][] = [
    [body.style != null, "style", "has no effect"],
    [body.input_fidelity != null, "input_fidelity", "has no effect"],
    [body.complexity != null, "complexity", "has no effect"],
    [body.background === "transparent", "background", "is opaque"],
    [output_format === "gif" || output_format === "svg", "output_format", "is png"],
    [body.frame_count != null, "frame_count", "has no effect: there is one frame"],
    [body.frame_duration_ms != null, "frame_duration_ms", "has no effect: there is one frame"],
    [isPng && (body.output_compression ?? 100) !== 100, "output_compression", "has no effect: PNG is lossless"],
    [!stream && (body.partial_images ?? 0) > 0, "partial_images", "has no effect without stream"],
    [!!stream && body.response_format === "url", "response_format", "is b64_json in a stream"],
  ];
  return cases.filter(([applies]) => applies).map(([, param, message]) => ({ param, message }));
}
