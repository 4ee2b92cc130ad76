import Type from "typebox";
import type { ProblemCode } from "../../errors.js";
import type { Api, RouteDeps } from "../deps.js";
import { eventStreamContent } from "../events/event-text.js";
import { addFormRoutes, UPLOAD_BODY_BYTES } from "../http/form.js";
import { component, IdempotencyKeyHeader, openAiResponses, SUBMIT_PROBLEMS } from "../openapi/components.js";
import { translateEdit, translateVariation } from "./edit-request.js";
import { translate } from "./image-request.js";
import { ModelNames } from "./model-names.js";
import { checkPromptFallback } from "./prompt.js";
import { IMAGES_BODY_BYTES } from "./request-schemas.js";
import { serveImages } from "./serve-images.js";

/**
 * `POST /v1/images/generations`, `/edits` and `/variations`: OpenAI's `images.generate`, `edit` and `createVariation` over the
 * same jobs as `POST /generate` and `POST /edits`.
 */
export async function openAiImagesRoutes(app: Api, deps: RouteDeps): Promise<void> {
  const { config, models } = deps;
  const names = new ModelNames(deps);
  checkPromptFallback(config.promptFallback, models);
  app.post(
    "/v1/images/generations",
    { schema: generationSchema, bodyLimit: IMAGES_BODY_BYTES },
    async ({ body }, reply) => serveImages(translate(body, names, config), body, reply, deps),
  );
  await addFormRoutes(app, deps, (scope) => {
    scope.post("/v1/images/edits", { schema: editSchema, bodyLimit: UPLOAD_BODY_BYTES }, async ({ body }, reply) =>
      serveImages(await translateEdit(body, names, deps), body, reply, deps),
    );
    scope.post(
      "/v1/images/variations",
      { schema: variationSchema, bodyLimit: UPLOAD_BODY_BYTES },
      async ({ body }, reply) => serveImages(await translateVariation(body, names, deps), body, reply, deps),
    );
  });
}

const header = (description: string) => ({ type: "string", description });

const headers = Type.Object({ "Idempotency-Key": IdempotencyKeyHeader });

const FORM_OR_JSON = ["multipart/form-data", "application/json"];
const UPLOAD_PROBLEMS: ProblemCode[] = ["not_editable", "too_many_uploads", "forbidden"];

/** Responses of a route whose events have names that begin with `kind`, if it streams. */
function imagesResponses(kind?: "image_generation" | "image_edit", ...problems: ProblemCode[]) {
  const stream = eventStreamContent(
    [`${kind}.partial_image`, `${kind}.completed`, "error"],
    [component("OpenAiPartialImage"), component("OpenAiCompletedImage"), component("OpenAiError")],
  );
  return {
    200: Type.Unsafe<unknown>({
      description: kind ? "The images or, with `stream`, events named after their `type`, or `error`." : "The images.",
      headers: {
        "Marimba-Job": header("The job's id, for `/jobs/{id}`."),
        "Marimba-Seed": header("The seed that was used. The same seed gives the same images."),
        "Server-Timing": header("Milliseconds of each part, for the image that finished last."),
        "Marimba-Batch-Size": header("Mean number of images in the batch over that image's steps."),
        "Marimba-Ms-Per-Image": header("Engine time for that image, its share of each step."),
      },
      content: { "application/json": { schema: component("OpenAiImages") }, ...(kind && stream) },
    }),
    ...openAiResponses(...SUBMIT_PROBLEMS, ...problems),
  };
}

const generationSchema = {
  operationId: "createImage",
  tags: ["openai"],
  summary: "Generate images, in the shape of OpenAI's API",
  description: [
    "For OpenAI's clients and compatible ones. `prompt` names a class: by name, id or index, or as a text that contains",
    "class names, of which the longest counts. All other fields of `POST /generate` are supported as well. The response",
    "waits for the images; disconnecting cancels them. A value that OpenAI documents, but that can't be served exactly,",
    "is served as near as possible and reported in `adjusted`. Fields that OpenAI does not document are refused.",
  ].join("\n"),
  headers,
  body: component("OpenAiImageRequest"),
  response: imagesResponses("image_generation"),
};

const editSchema = {
  operationId: "createImageEdit",
  tags: ["openai"],
  summary: "Draw a part of an image again, in the shape of OpenAI's API",
  description: [
    "`POST /edits` for OpenAI's clients and compatible ones. `prompt` names the class of what is drawn: of several, the",
    "last counts. As JSON, `images` has one image, as `{image_url}` with a data URL, and so has `mask`. An image in the",
    "proportions of the model's images is scaled to their size; without a mask, the whole image is varied. `adjusted` says so.",
  ].join("\n"),
  consumes: FORM_OR_JSON,
  headers,
  body: component("OpenAiEditRequest"),
  response: imagesResponses("image_edit", ...UPLOAD_PROBLEMS),
};

const variationSchema = {
  operationId: "createImageVariation",
  tags: ["openai"],
  summary: "Vary an image, in the shape of OpenAI's API",
  description: "Samples a share of the image's tokens again: `strength`, 0.5 when absent.",
  consumes: FORM_OR_JSON,
  headers,
  body: component("OpenAiVariationRequest"),
  response: imagesResponses(undefined, ...UPLOAD_PROBLEMS),
};
