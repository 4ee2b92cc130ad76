import type { IncomingHttpHeaders } from "node:http";
import { Problem } from "../../errors.js";

/** What a request's headers hold to prove who it speaks for. */
export interface Credentials {
  readonly key: string;
  /** A browser sends such again by itself, also where another site asks it to. */
  readonly isBasic: boolean;
}

/**
 * The key in `Authorization: Bearer`, in `X-API-Key`, or as the password of `Authorization: Basic`, which is how a
 * browser sends one that was typed into its dialogue. An address never holds one: it would stand in logs and histories.
 * Throws `invalid_request` where two headers hold different keys.
 */
export function readCredentials(headers: IncomingHttpHeaders): Credentials | undefined {
  const authorized = readAuthorization(headers.authorization);
  const header = headers["x-api-key"];
  if (header === undefined) return authorized;
  if (typeof header === "string" && (!authorized || authorized.key === header)) return { key: header, isBasic: false };
  throw new Problem("invalid_request", "Authorization and X-API-Key hold two keys; send one.");
}

function readAuthorization(header: string | undefined): Credentials | undefined {
  const [, scheme, value] = /^(bearer|basic) +(\S+) *$/i.exec(header ?? "") ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return { key: value, isBasic: false };
  const text = Buffer.from(value, "base64").toString();
  return { key: text.slice(text.indexOf(":") + 1), isBasic: true };
}
