import Type from "typebox";
import { component, openAiResponses } from "../components.js";
import { eventStreamContent } from "../events/event-text.js";

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
    "Idempotency-Key": Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: "Printable ASCII without spaces: the same key with the same body finds the same job.",
      }),
    ),
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
    ...openAiResponses(
      "malformed_json",
      "invalid_request",
      "unknown_class",
      "unknown_preset",
      "unknown_model",
      "idempotency_conflict",
      "job_cancelled",
      "job_expired",
      "body_too_large",
      "unsupported_media_type",
      "queue_full",
      "images_per_minute_exceeded",
      "concurrent_images_exceeded",
      "generation_failed",
      "no_worker",
      "queue_draining",
      "queue_unavailable",
      "shutting_down",
      "deadline_exceeded",
    ),
  },
};
