import Type from "typebox";
import { ACCEPTANCE_PROBLEMS, IdempotencyKeyHeader } from "../openapi/acceptance-schema.js";
import { component, problemResponses } from "../openapi/components.js";

/** How the OpenAPI document describes `POST /generate`. */

const header = (description: string, schema: object = { type: "string" }) => ({ description, ...schema });

const pictureHeaders = {
  "Content-Location": header("Where the same bytes can be had again for a while."),
  ETag: header("Hash of the bytes."),
  "Marimba-Job": header("The job's id."),
  "Marimba-Seed": header("The seed that was used: with it the picture repeats."),
  "Server-Timing": header("Milliseconds: queue, batch_wait, transformer, diffusion, decode, encode, total."),
  "Marimba-Batch-Size": header("Mean number of images in flight over the image's steps."),
  "Marimba-Ms-Per-Image": header("The engine's time divided, step by step, by the images that shared it."),
  "RateLimit-Policy": header("The key's limits, in images, where it has some."),
  RateLimit: header("What is left of them."),
  "Preference-Applied": header("The part of `Prefer` that was honoured."),
};

export const generateSchema = {
  operationId: "generate",
  tags: ["generate"],
  summary: "Generate images of a class",
  description: [
    "With `Accept: image/png` the answer is the picture itself: the request waits for it, and a client that hangs up",
    "cancels it. Should it take longer than the server lets a request wait, the answer is 202 with the job.",
    "Otherwise the answer is JSON: 202 with the job and its `Location` at once, or, with `Prefer: wait=n`, the finished",
    "job if it ends within n seconds. Several images come as JSON only.",
    "",
    "The same request with the same `seed` gives the same picture, byte for byte, whatever else the server does.",
    "With an `Idempotency-Key`, a request that is sent again finds the job that its first try made.",
  ].join("\n"),
  headers: Type.Object({
    Prefer: Type.Optional(
      Type.String({
        description: "RFC 7240: `wait=n` waits up to n seconds for the job; `respond-async` doesn't wait.",
      }),
    ),
    "Idempotency-Key": IdempotencyKeyHeader,
    "Cancel-After": Type.Optional(
      Type.String({
        description: "Seconds, such as 30 or 2.5, at most a day: as `deadline_ms`; with both the earlier counts.",
      }),
    ),
  }),
  body: component("GenerateRequest"),
  response: {
    200: Type.Unsafe<unknown>({
      description: "The picture, or the job, which has ended: completed, failed or cancelled.",
      headers: pictureHeaders,
      content: {
        "image/png": { schema: Type.Unsafe({ type: "string", format: "binary" }) },
        "application/json": { schema: component("Job") },
      },
    }),
    202: Type.Unsafe<unknown>({
      description: "The job, which has not ended yet.",
      headers: {
        Location: header("The job's address."),
        "Preference-Applied": pictureHeaders["Preference-Applied"],
        "RateLimit-Policy": pictureHeaders["RateLimit-Policy"],
        RateLimit: pictureHeaders.RateLimit,
      },
      content: { "application/json": { schema: component("Job") } },
    }),
    ...problemResponses(...ACCEPTANCE_PROBLEMS, "not_acceptable"),
  },
};
