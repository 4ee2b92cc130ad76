import { type IncomingMessage, type RequestOptions, request as requestPlainly } from "node:http";
import { request as requestSafely } from "node:https";
import type { LookupFunction, TcpNetConnectOpts } from "node:net";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import { type Resolve, type ResolvedAddress, resolveTarget, type TargetPolicy } from "./target.js";

/** For the whole attempt: resolving the name, connecting, TLS, sending, and the response's head. */
export const ATTEMPT_MS = 10_000;
/** For each of a name's addresses but the last. */
const CONNECT_MS = 2000;
const MAX_RESPONSE_HEADER_BYTES = 16 * 1024;

export interface PostOptions {
  readonly policy: TargetPolicy;
  readonly resolve?: Resolve;
  readonly timeoutMs?: number;
}

export interface Reception {
  readonly status: number;
  /** How long the receiver asks not to be called again, if it says so. */
  readonly retryAfterMs?: number;
}

/** The proxy did not connect to the receiver; the message is for the log. */
class ProxyRefused extends Error {}

/**
 * Posts once, to a checked address, and resolves with the head of the response. Reads no body and follows no redirect. Goes
 * through the proxy that HTTPS_PROXY names, unless NO_PROXY names the host. Rejects with `TargetRefused`, or if there is no
 * response in time.
 */
export async function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  { policy, resolve, timeoutMs = ATTEMPT_MS }: PostOptions,
): Promise<Reception> {
  const signal = AbortSignal.timeout(timeoutMs);
  const targets = await unlessAborted(resolveTarget(url, policy, resolve), signal);
  const options: RequestOptions & Pick<TcpNetConnectOpts, "autoSelectFamilyAttemptTimeout"> = {
    method: "POST",
    headers: { ...headers, "Content-Length": String(Buffer.byteLength(body)), Host: url.host },
    // A new connection for each attempt: a kept one would outlive the check of its address.
    agent: false,
    lookup: lookupOf(targets),
    autoSelectFamilyAttemptTimeout: CONNECT_MS,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    signal,
  };
  const proxy = url.protocol === "https:" ? getProxyForUrl(url.href) : "";
  if (proxy === "") return send(url, options, body);
  // The proxy is asked for a checked address, because it could resolve the name to another one.
  let refusal: unknown;
  for (const { address } of targets) {
    const agent = new HttpsProxyAgent(proxy, { signal });
    try {
      return await send(url, { ...options, agent, hostname: address }, body);
    } catch (error) {
      if (!(error instanceof ProxyRefused)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

function send(url: URL, options: RequestOptions, body: string): Promise<Reception> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? requestSafely(url, options) : requestPlainly(url, options);
    request.once("proxyConnect", ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200) reject(new ProxyRefused(`The proxy responded with ${statusCode}.`));
    });
    request.once("response", (response) => {
      resolve(readReception(response));
      response.destroy();
    });
    // Also after the response: Node reports an error when its body is cut off.
    request.on("error", reject);
    request.end(body);
  });
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3), which the receiver's own clock explains best. */
function readReception({ statusCode, headers }: IncomingMessage): Reception {
  const retryAfter = headers["retry-after"] ?? "";
  const now = Date.parse(headers.date ?? "") || Date.now();
  const retryAfterMs = /^\d{1,10}$/.test(retryAfter) ? 1000 * Number(retryAfter) : Date.parse(retryAfter) - now;
  return { status: statusCode!, ...(retryAfterMs > 0 && { retryAfterMs }) };
}

/** Connects to checked addresses even if the name resolves to others by now. Host and TLS keep the name. */
function lookupOf(targets: readonly ResolvedAddress[]): LookupFunction {
  const [{ address, family }] = targets as [ResolvedAddress];
  return (_host, { all }, done) => (all ? done(null, [...targets]) : done(null, address, family));
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
  if (error instanceof ProxyRefused) return error.message;
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
