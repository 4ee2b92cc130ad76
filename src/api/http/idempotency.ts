import { createHash } from "node:crypto";
import { Problem } from "../../errors.js";
import type { Idempotency } from "../../queue/queue.js";

/** Printable ASCII without the space: what every HTTP client can send and every log can show. */
const KEY = /^[\x21-\x7e]{1,200}$/;

/** The caller's `Idempotency-Key` with the hash of what was asked; undefined without one. Throws `invalid_request`. */
export function readIdempotency(
  header: string | readonly string[] | undefined,
  body: unknown,
  caller: string,
): Idempotency | undefined {
  if (header === undefined) return undefined;
  if (typeof header === "string" && KEY.test(header))
    return { key: `${caller}:${header}`, bodyHash: hashCanonical(body) };
  const message = "must be 1 to 200 printable ASCII characters without spaces";
  throw new Problem("invalid_request", `The Idempotency-Key header ${message}.`, {
    errors: [{ pointer: "/idempotency-key", message }],
  });
}

/** SHA-256 of the JSON with sorted keys: the same for two bodies that say the same. */
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
