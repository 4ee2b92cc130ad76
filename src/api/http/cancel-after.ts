import { Problem } from "../../errors.js";

const MAX_S = 86_400;

/** Milliseconds that the `Cancel-After` header gives the job; undefined without one. Throws `invalid_request`. */
export function readCancelAfter(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const seconds = typeof header === "string" && /^\d{1,9}(\.\d{1,9})?$/.test(header) ? Number(header) : 0;
  if (seconds > 0 && seconds <= MAX_S) return Math.max(1, Math.round(seconds * 1000));
  const message = `must be a number of seconds above 0 and at most ${MAX_S}, such as 30 or 2.5`;
  throw new Problem("invalid_request", `The Cancel-After header ${message}.`, {
    errors: [{ pointer: "/cancel-after", message }],
  });
}
