import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import Negotiator from "negotiator";
import { Problem } from "../../errors.js";
import { OutputFormat } from "../../job.js";
import type { Idempotency } from "../../queue/queue.js";

type Header = string | readonly string[] | undefined;

/** The representations of `POST /generate`: the job as JSON, or its only image. */
export type Representation = "application/json" | ImageType;
type ImageType = `image/${OutputFormat}`;
export const IMAGE_TYPES: readonly ImageType[] = OutputFormat.anyOf.map((format) => `image/${format.const}` as const);

/**
 * Chooses by the `Accept` header (RFC 9110, 12.5.1). Of equal weights the more specific range wins, then the one named
 * first, then JSON, then PNG. The request's own `output_format` leaves one type of image. Throws `not_acceptable`.
 */
export function chooseRepresentation(accept: string | undefined, format?: OutputFormat): Representation {
  const images: readonly ImageType[] = format === undefined ? IMAGE_TYPES : [`image/${format}`];
  // A charset or a version beside a type narrows nothing: each type exists in one form only.
  const ranges = accept?.replace(/;(?!\s*q\s*=)[^,;]*/gi, "").trim();
  const headers: IncomingHttpHeaders = ranges ? { accept: ranges } : {};
  const chosen = new Negotiator({ headers }).mediaType(["application/json", ...images]);
  if (chosen !== undefined) return chosen as Representation;
  const offered = `The response can be application/json or ${images.join(" or ")}`;
  const reason = format === undefined ? "" : `, as output_format is ${format}`;
  throw new Problem("not_acceptable", `${offered}${reason}; the Accept header allows none of them.`);
}

/** What a client prefers about waiting (RFC 7240). */
export interface WaitPreference {
  /** `wait=n`: seconds. */
  readonly waitS?: number;
  /** `respond-async`: a 202 at once is better than a connection that is held open. */
  readonly respondAsync: boolean;
}

/** Caps absurd waits; the server's own limit is far lower. */
const LONGEST_WAIT_S = 1_000_000_000;

/** Reads the `Prefer` header; unknown or malformed preferences count as absent, as the RFC requires. */
export function readPrefer(header: Header): WaitPreference {
  let waitS: number | undefined;
  let respondAsync = false;
  const text = typeof header === "string" ? header : (header ?? []).join(",");
  for (const preference of text.split(/[,;]/)) {
    const [name = "", value = ""] = preference.split("=").map((part) => part.trim().toLowerCase());
    const seconds = /^"?(\d+)"?$/.exec(value)?.[1];
    if (name === "respond-async" && value === "") respondAsync = true;
    // The first of equal preferences counts.
    if (name === "wait" && seconds !== undefined) waitS ??= Math.min(Number(seconds), LONGEST_WAIT_S);
  }
  return waitS === undefined ? { respondAsync } : { waitS, respondAsync };
}

const MAX_CANCEL_AFTER_S = 86_400;

/** Milliseconds that the `Cancel-After` header gives the job; undefined without one. Throws `invalid_request`. */
export function readCancelAfter(header: Header): number | undefined {
  if (header === undefined) return undefined;
  const seconds = typeof header === "string" && /^\d{1,9}(\.\d{1,9})?$/.test(header) ? Number(header) : 0;
  if (seconds > 0 && seconds <= MAX_CANCEL_AFTER_S) return Math.max(1, Math.round(seconds * 1000));
  const message = `must be a number of seconds above 0 and at most ${MAX_CANCEL_AFTER_S}, such as 30 or 2.5`;
  throw invalidHeader("Cancel-After", message);
}

/** Printable ASCII without the space: every HTTP client can send it and every log can show it. */
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;

/** The `Idempotency-Key` header with a hash of the request; undefined without one. Throws `invalid_request`. */
export function readIdempotency(header: Header, body: unknown, caller: string): Idempotency | undefined {
  if (header === undefined) return undefined;
  if (typeof header === "string" && IDEMPOTENCY_KEY.test(header)) {
    return { key: `${caller}:${header}`, bodyHash: hashCanonical(body) };
  }
  throw invalidHeader("Idempotency-Key", "must be 1 to 200 printable ASCII characters without spaces");
}

/** The id of the last event that the client received; undefined on its first connection. Throws `invalid_request`. */
export function readLastEventId(header: Header): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (typeof header === "string" && /^\d{1,15}$/.test(header)) return Number(header);
  throw invalidHeader("Last-Event-ID", "must be the id of an event of this stream");
}

function invalidHeader(name: string, message: string): Problem {
  const errors = [{ pointer: `/${name.toLowerCase()}`, message }];
  return new Problem("invalid_request", `The ${name} header ${message}.`, { errors });
}

/** SHA-256 of the JSON with sorted keys: equal for two bodies that mean the same. */
function hashCanonical(body: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sortKeys(body)))
    .digest("hex");
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sortKeys(v)]),
  );
}
