/** What a client prefers about waiting (RFC 7240). */
export interface WaitPreference {
  /** `wait=n`: seconds. */
  readonly waitS?: number;
  /** `respond-async`: rather 202 at once than a held connection. */
  readonly respondAsync: boolean;
}

/** What a longer wait is taken for; the server waits less anyway. */
const LONGEST_WAIT_S = 1_000_000_000;

/** Reads the `Prefer` header; preferences that are unknown or don't parse count as absent, as the RFC asks. */
export function readPrefer(header: string | readonly string[] | undefined): WaitPreference {
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
