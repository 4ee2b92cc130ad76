import { type RequestOptions, request as requestPlainly } from "node:http";
import { request as requestSafely } from "node:https";
import type { LookupFunction } from "node:net";
import { type Resolve, type ResolvedAddress, resolveTarget, type TargetPolicy } from "./target.js";

/** For everything: the name, the connection, TLS, sending, and the answer's head. */
export const ATTEMPT_MS = 10_000;
const MAX_ANSWER_HEADER_BYTES = 16 * 1024;

export interface PostOptions {
  readonly policy: TargetPolicy;
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
}

/**
 * Posts once, to an address that was checked, and resolves with the answer's status; of its body nothing is read, and no
 * redirect is followed. Rejects with `TargetRefused`, or where there is no answer in time.
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
    // One connection for one attempt: a kept one would outlive the check of its address.
    agent: false,
    lookup: always(target),
    maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
    signal,
  };
  return new Promise((resolvePost, reject) => {
    const request = url.protocol === "https:" ? requestSafely(url, options) : requestPlainly(url, options);
    request.once("response", (response) => {
      resolvePost(response.statusCode!);
      response.destroy();
    });
    // Also after the answer: cutting the rest of it off is an error to Node.
    request.on("error", reject);
    request.end(body);
  });
}

/** The address that was checked, whatever the name leads to by now; its name stays in Host and in TLS. */
function always({ address, family }: ResolvedAddress): LookupFunction {
  return (_host, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family));
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
