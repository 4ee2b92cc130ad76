import { type RequestOptions, request as requestPlainly } from "node:http";
import { request as requestSafely } from "node:https";
import type { LookupFunction } from "node:net";
import { type Resolve, type ResolvedAddress, resolveTarget, type TargetPolicy } from "./target.js";

/** For the whole attempt: resolving the name, connecting, TLS, sending, and the response's head. */
export const ATTEMPT_MS = 10_000;
const MAX_RESPONSE_HEADER_BYTES = 16 * 1024;

export interface PostOptions {
  readonly policy: TargetPolicy;
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
}

/**
 * Posts once, to a checked address, and resolves with the response's status. Reads no body and follows no redirect.
 * Rejects with `TargetRefused`, or if there is no response in time.
 */
export async function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  { policy, resolve, timeoutMs = ATTEMPT_MS }: PostOptions,
): Promise<number> {
  const signal = AbortSignal.timeout(timeoutMs);
  const target = await unlessAborted(resolveTarget(url, policy, resolve), signal);
  const options: RequestOptions = {
    method: "POST",
    headers: { ...headers, "Content-Length": String(Buffer.byteLength(body)) },
    // A new connection for each attempt: a kept one would outlive the check of its address.
    agent: false,
    lookup: lookupOf(target),
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    signal,
  };
  return new Promise((resolvePost, reject) => {
    const request = url.protocol === "https:" ? requestSafely(url, options) : requestPlainly(url, options);
    request.once("response", (response) => {
      resolvePost(response.statusCode!);
      response.destroy();
    });
    // Also after the response: Node reports an error when its body is cut off.
    request.on("error", reject);
    request.end(body);
  });
}

/** Connects to the checked address even if the name resolves to another one by now. Host and TLS keep the name. */
function lookupOf({ address, family }: ResolvedAddress): LookupFunction {
  return (_host, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family));
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

const NO_NAME = new Set(["ENOTFOUND", "ENODATA"]);
const UNREACHABLE = new Set(["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL"]);
const CUT_OFF = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);
/** Codes of OpenSSL and Node for certificate errors. */
const CERTIFICATE =
  /CERT|^(UNABLE_TO_(GET|VERIFY|DECRYPT|DECODE)_|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|CRL_)/;

/**
 * Why an attempt got no response: a sentence for the log and a code such as ECONNREFUSED. Node's own messages contain the
 * host, which is as secret as the rest of a webhook's address.
 */
export function describeAttemptFailure(error: unknown): string {
  const { name, code, syscall = "" } = error as NodeJS.ErrnoException;
  const known = typeof code === "string" && /^[A-Z][A-Z0-9_]*$/.test(code) ? code : undefined;
  const sentence = sentenceFor(name, known ?? "", syscall);
  return known === undefined || known === "ABORT_ERR" ? `${sentence}.` : `${sentence} (${known}).`;
}

function sentenceFor(name: string, code: string, syscall: string): string {
  if (name === "TimeoutError" || code === "ABORT_ERR" || code === "ETIMEDOUT")
    return "The receiver did not respond in time";
  if (NO_NAME.has(code)) return "The host name does not resolve";
  if (/^(query|getaddrinfo)/.test(syscall)) return "The name servers did not answer";
  if (code === "ECONNREFUSED") return "The receiver does not accept connections";
  if (UNREACHABLE.has(code)) return "The receiver's network is not reachable";
  if (CUT_OFF.has(code)) return "The receiver closed the connection without a response";
  if (CERTIFICATE.test(code)) return "The receiver's certificate is not valid";
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code)) return "The TLS handshake failed";
  if (code.startsWith("HPE_")) return "The receiver's response is not HTTP";
  return "The webhook could not be sent";
}
