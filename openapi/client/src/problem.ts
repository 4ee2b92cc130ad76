import type { components } from "./schema.js";
import type { Job } from "./types.js";

export type ProblemDocument = components["schemas"]["Problem"];

/** `unexpected_answer`: the response did not come from Marimba but, say, from a proxy. All others are the server's codes. */
export type ProblemCode = ProblemDocument["code"] | "unexpected_answer";

/** The server refused the request or could not generate the images. Decide by `code`. */
export class MarimbaProblem extends Error {
  override readonly name = "MarimbaProblem";
  /** The HTTP status; undefined if a job ended with this problem. */
  readonly status: number | undefined;
  readonly code: ProblemCode;
  /** The wrong fields: the JSON pointer of each and what it must be. */
  readonly errors: NonNullable<ProblemDocument["errors"]>;
  /** When to try again, if the server said so. */
  readonly retryAfterMs: number | undefined;
  /** Identifies this occurrence in the server's log. */
  readonly instance: string | undefined;
  /** The job that ended with this problem. */
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

/** Reads the problem from a response with a status of 400 or above. */
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
  const detail = `${response.url} answered ${status} with an unexpected body: ${text.slice(0, 200)}`;
  return new MarimbaProblem({ status, code: "unexpected_answer", detail }, { retryAfterMs });
}

/** Why a job ended without images. */
export function jobProblem(job: Job): MarimbaProblem {
  const { code, detail } = job.error ?? { code: "generation_failed", detail: `The job is ${job.state}.` };
  return new MarimbaProblem({ code: code as ProblemCode, detail }, { job });
}

/** Milliseconds; the header contains seconds or a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
