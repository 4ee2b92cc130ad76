import { type EditFiles, EVERYTHING, prepareEdit } from "../../editing/canvas.js";
import { sizeOf } from "../../editing/decode.js";
import type { EditOptions } from "../../editing/edit-request.js";
import { badUpload, readBase64, recognize } from "../../editing/upload.js";
import type { Manifest } from "../../model/manifest.js";
import { resolveRequest } from "../../resolve-request.js";
import type { ApiDeps } from "../deps.js";
import { type ImagesBody, type Translation, translate } from "./image-request.js";
import type { ModelNames } from "./model-names.js";
import type { Choice } from "./prompt.js";
import { EDIT_OPTIONS, type OpenAiEditRequest, type OpenAiVariationRequest } from "./request-schemas.js";
import type { Adjustment } from "./schemas.js";

type EditDeps = Pick<ApiDeps, "config" | "models">;

/** Share of the tokens that a variation samples again: the other half shows what the image was. */
const VARIATION_STRENGTH = 0.5;

/** Translates a request for an edit. Throws a `Problem` that names the fields as they were sent. */
export async function translateEdit(
  { image, images, mask, ...body }: OpenAiEditRequest,
  names: ModelNames,
  deps: EditDeps,
): Promise<Translation> {
  if (image !== undefined && images) throw badUpload("/images", "must be absent where `image` is given");
  const name = images ? "/images" : "/image";
  const [first, ...others] = [image ?? images ?? []].flat();
  if (first === undefined) throw badUpload(name, "is required: a file in a form, or `images` in JSON");
  if (others.length > 0) throw badUpload(name, `must be one image, not ${others.length + 1}`);
  const files = {
    image: readFile(first, images ? "/images/0" : name),
    mask: mask == null ? undefined : readFile(mask, "/mask"),
  };
  return translateFiles(files, body, names, deps, "last");
}

/** Reads base64, as which a form's file arrives here, or OpenAI's reference to an image. */
function readFile(file: string | { readonly image_url: string }, pointer: string): Uint8Array {
  if (typeof file === "string") return readBase64(file, pointer);
  if (/^data:/i.test(file.image_url)) return readBase64(file.image_url, `${pointer}/image_url`);
  throw badUpload(`${pointer}/image_url`, "must be a data URL: the server fetches no addresses");
}

/** Translates a request for a variation, which is an edit of the whole image. */
export async function translateVariation(
  { image, ...body }: OpenAiVariationRequest,
  names: ModelNames,
  deps: EditDeps,
): Promise<Translation> {
  const files: EditFiles = { image: readBase64(image, "/image"), mask: EVERYTHING };
  return translateFiles(files, { ...body, strength: body.strength ?? VARIATION_STRENGTH }, names, deps);
}

/**
 * OpenAI's models edit images of any size, with or without a mask: an image in the proportions of the model's is scaled, and
 * one in which nothing is masked is varied.
 */
async function translateFiles(
  files: EditFiles,
  body: ImagesBody,
  names: ModelNames,
  deps: EditDeps,
  choice?: Choice,
): Promise<Translation> {
  const { config, models } = deps;
  const translation = translate(body, names, config, choice);
  // What is wrong with the other fields costs no decoding.
  resolveRequest(translation.request, models, config.maxImagesPerJob);
  const manifest = names.resolve(body.model);
  const options: EditOptions = Object.fromEntries(
    EDIT_OPTIONS.flatMap((name) => (body[name] == null ? [] : [[name, body[name]]])),
  );
  const { scaled, fit } = await scaling(files.image, options, manifest);
  const edit = await prepareEdit(files, { ...options, ...fit }, manifest, VARIATION_STRENGTH);
  const isVaried = edit.edit.strength !== (options.strength ?? 1);
  const varied = { param: "mask", message: `is missing: all was varied, with strength ${VARIATION_STRENGTH}` };
  return { ...translation, edit, adjusted: [...translation.adjusted, ...scaled, ...(isVaried ? [varied] : [])] };
}

interface Scaling {
  readonly scaled: readonly Adjustment[];
  readonly fit?: Pick<EditOptions, "fit">;
}

/** Scales an image that only differs in size, not in its proportions, from the model's. */
async function scaling(image: Uint8Array, { fit }: EditOptions, { architecture }: Manifest): Promise<Scaling> {
  const { image_width, image_height } = architecture.tokenizer;
  const { width, height } = await sizeOf(recognize(image, "/image"));
  if (fit || width === image_width || width * image_height !== height * image_width) return { scaled: [] };
  const message = `was scaled from ${width}x${height} to ${image_width}x${image_height}`;
  return { scaled: [{ param: "image", message }], fit: { fit: "stretch" } };
}
