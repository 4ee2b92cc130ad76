import type { components } from "./schema.js";
import type { Job } from "./types.js";

export type ProblemDocument = components["schemas"]["Problem"];

/** The server's codes, and `unexpected_answer` if something else answered, such as a proxy. */
export type ProblemCode = ProblemDocument["code"] | "unexpected_answer";

/** The server refused the request, or the job ended without images. Distinguish cases by `code`. */
export class MarimbaProblem extends Error {
  override readonly name = "MarimbaProblem";
  /** The HTTP status; undefined if a job ended without images. */
  readonly status: number | undefined;
  readonly code: ProblemCode;
  /** Every invalid field: its JSON pointer and what it accepts. */
  readonly errors: NonNullable<ProblemDocument["errors"]>;
  /** The server's `Retry-After`, if any. */
  readonly retryAfterMs: number | undefined;
  /** Identifies this occurrence in the server's log. */
  readonly instance: string | undefined;
  /** The job that ended without images. */
  readonly job: Job | undefined;

  constructor(document: ProblemLike, { retryAfterMs, job }: { retryAfterMs?: number | undefined; job?: Job } = {}) {
    super(document.detail);
    this.status = document.status;
    this.code = document.code;
    this.errors = document.errors ?? [];
    this.instance = document.instance;
    this.retryAfterMs = retryAfterMs;
    this.job = job;
  }
}

interface ProblemLike {
  readonly status?: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: NonNullable<ProblemDocument["errors"]>;
  readonly instance?: string;
}

/** The problem in a response with a status of 400 or more. */
export async function readProblem(response: Response): Promise<MarimbaProblem> {
  const retryAfterMs = readRetryAfter(response.headers.get("retry-after"));
  const text = await response.text();
  if (/^application\/problem\+json\b/.test(response.headers.get("content-type") ?? "")) {
    return new MarimbaProblem(JSON.parse(text) as ProblemDocument, { retryAfterMs });
  }
  return unexpectedAnswer(response, text, retryAfterMs);
}

export function unexpectedAnswer(response: Response, text: string, retryAfterMs?: number): MarimbaProblem {
  const { status } = response;
  const detail = `${response.url} answered ${status} with something that Marimba does not say: ${text.slice(0, 200)}`;
  return new MarimbaProblem({ status, code: "unexpected_answer", detail }, { retryAfterMs });
}

/** The problem of a job that ended without images. */
export function jobProblem(job: Job): MarimbaProblem {
  const { code, detail } = job.error ?? { code: "generation_failed", detail: `The job is ${job.state}.` };
  return new MarimbaProblem({ code: code as ProblemCode, detail }, { job });
}

/** In milliseconds; the header contains seconds or a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
