import Type from "typebox";
import { eventStreamContent } from "../events/event-text.js";
import { ACCEPTANCE_PROBLEMS, IdempotencyKeyHeader } from "../openapi/acceptance-schema.js";
import { component, openAiResponses } from "../openapi/components.js";

const header = (description: string) => ({ type: "string", description });

/** How the OpenAPI document describes `POST /v1/images/generations`. */
export const openAiImagesSchema = {
  operationId: "createImage",
  tags: ["openai"],
  summary: "Generate images, in the shape of OpenAI's API",
  description: [
    "For OpenAI's clients and whatever speaks like them. `prompt` names a class: exactly, by index, or as words of a text,",
    "of which the longest class name counts. All other fields of `POST /generate` can stand beside. The answer waits for",
    "the images; a client that hangs up cancels them.",
  ].join("\n"),
  headers: Type.Object({
    "Idempotency-Key": IdempotencyKeyHeader,
  }),
  body: component("OpenAiImageRequest"),
  response: {
    200: Type.Unsafe<unknown>({
      description: "The images; with `stream`, events named after their `type`, or `error`.",
      headers: {
        "Marimba-Job": header("The job's id, for `/jobs/{id}`."),
        "Marimba-Seed": header("The seed that was used: with it the pictures repeat."),
        "Server-Timing": header("Milliseconds by part, of the image that was done last."),
        "Marimba-Batch-Size": header("Mean number of images in flight over that image's steps."),
        "Marimba-Ms-Per-Image": header("The engine's time for that image, shared with others'."),
      },
      content: {
        "application/json": { schema: component("OpenAiImages") },
        ...eventStreamContent(
          ["image_generation.partial_image", "image_generation.completed", "error"],
          [component("OpenAiPartialImage"), component("OpenAiCompletedImage"), component("OpenAiError")],
        ),
      },
    }),
    ...openAiResponses(...ACCEPTANCE_PROBLEMS),
  },
};
