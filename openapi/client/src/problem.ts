import type { components } from "./schema.js";
import type { Job } from "./types.js";

export type ProblemDocument = components["schemas"]["Problem"];

/** `unexpected_answer`: what answered was not Marimba, such as a proxy; all others are the server's own codes. */
export type ProblemCode = ProblemDocument["code"] | "unexpected_answer";

/** The server refused the request, or could not make the pictures. Decide by `code`. */
export class MarimbaProblem extends Error {
  override readonly name = "MarimbaProblem";
  /** The HTTP status; undefined where no request was refused but a job ended so. */
  readonly status: number | undefined;
  readonly code: ProblemCode;
  /** Every field at fault: its JSON pointer and what it must be. */
  readonly errors: NonNullable<ProblemDocument["errors"]>;
  /** Where the server said when to try again. */
  readonly retryAfterMs: number | undefined;
  /** Names this one occurrence in the server's log. */
  readonly instance: string | undefined;
  /** The job that ended so. */
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

/** The problem that an answer of a status from 400 holds. */
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

/** Why a job ended without pictures. */
export function jobProblem(job: Job): MarimbaProblem {
  const { code, detail } = job.error ?? { code: "generation_failed", detail: `The job is ${job.state}.` };
  return new MarimbaProblem({ code: code as ProblemCode, detail }, { job });
}

/** Milliseconds; the header has seconds, or a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
