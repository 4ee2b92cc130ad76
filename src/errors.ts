/**
 * The closed list of problems: the stable `code`, its HTTP status and a title. Every error that leaves the process is one
 * of these (RFC 9457); `detail` says what happened this time.
 */
export const PROBLEMS = {
  invalid_request: { status: 400, title: "The request is not valid" },
  malformed_json: { status: 400, title: "The body is not JSON" },
  unknown_class: { status: 400, title: "The model has no such class" },
  unauthorized: { status: 401, title: "A valid API key is required" },
  forbidden: { status: 403, title: "This is not allowed" },
  unknown_model: { status: 404, title: "No such model" },
  not_editable: { status: 400, title: "The model can't edit images" },
  unknown_preset: { status: 400, title: "The model has no such preset" },
  not_found: { status: 404, title: "No such address" },
  job_not_found: { status: 404, title: "No such job" },
  image_not_found: { status: 404, title: "The job has no such image" },
  method_not_allowed: { status: 405, title: "The address does not support this method" },
  not_acceptable: { status: 406, title: "None of the accepted media types is available" },
  request_timeout: { status: 408, title: "The request did not arrive in time" },
  idempotency_conflict: { status: 409, title: "The idempotency key was used for a different request" },
  job_not_finished: { status: 409, title: "The job has not finished" },
  job_failed: { status: 409, title: "The job failed and has no images" },
  job_expired: { status: 410, title: "The job has expired or was deleted" },
  job_lost: { status: 410, title: "The queue has lost the job" },
  body_too_large: { status: 413, title: "The body is too large" },
  misdirected: { status: 421, title: "The server does not serve this host" },
  unsupported_media_type: { status: 415, title: "The body's media type is not supported" },
  header_too_large: { status: 431, title: "The headers are too large" },
  uri_too_long: { status: 414, title: "The address is too long" },
  queue_full: { status: 429, title: "The queue is full" },
  images_per_minute_exceeded: { status: 429, title: "The API key has reached its limit of images per minute" },
  concurrent_images_exceeded: { status: 429, title: "The API key has reached its limit of concurrent images" },
  webhooks_backed_up: { status: 429, title: "Too many webhooks of the API key are waiting for delivery" },
  too_many_failures: { status: 429, title: "Too many requests without a valid API key" },
  job_cancelled: { status: 409, title: "The job was cancelled" },
  deadline_exceeded: { status: 504, title: "The deadline passed before the image was finished" },
  generation_failed: { status: 500, title: "The image could not be generated" },
  internal: { status: 500, title: "Internal server error" },
  no_worker: { status: 503, title: "No worker serves the model at the moment" },
  queue_draining: { status: 503, title: "The queue is being drained" },
  too_many_streams: { status: 503, title: "Too many event streams are open" },
  too_many_uploads: { status: 503, title: "Too many images are being uploaded" },
  queue_unavailable: { status: 503, title: "The queue is not reachable at the moment" },
  shutting_down: { status: 503, title: "The server is shutting down" },
} as const;
export type ProblemCode = keyof typeof PROBLEMS;

/** A field that is wrong: its JSON pointer (RFC 6901) and what would be right. */
export interface FieldError {
  readonly pointer: string;
  readonly message: string;
}

/** An error to report to the client. */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly options: {
      readonly errors?: readonly FieldError[];
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(detail);
  }
  get status(): number {
    return PROBLEMS[this.code].status;
  }
}
