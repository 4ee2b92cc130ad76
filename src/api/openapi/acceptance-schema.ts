import Type from "typebox";
import type { ProblemCode } from "../../errors.js";

/** What the OpenAPI document says of every route that makes pictures (acceptance.ts). */

export const IdempotencyKeyHeader = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 200,
    description: "Printable ASCII without spaces: the same key with the same body finds the same job.",
  }),
);

/** Why no job is taken in, or the job ends without pictures. */
export const ACCEPTANCE_PROBLEMS: readonly ProblemCode[] = [
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
  "webhooks_backed_up",
  "generation_failed",
  "no_worker",
  "queue_draining",
  "queue_unavailable",
  "shutting_down",
  "deadline_exceeded",
];
