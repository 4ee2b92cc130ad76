// Every request to the server goes through here: it adds the key and turns failures into typed errors.
import { currentKey } from "./key.js";

/** The server answered with an error: a problem document (RFC 9457). */
export class ServerError extends Error {
  constructor(response, problem) {
    super(problem.detail ?? `The server answered ${response.status} ${response.statusText}.`);
    this.status = response.status;
    this.code = problem.code ?? "";
    /** `{pointer, message}` for each invalid field. */
    this.fields = problem.errors ?? [];
    const retryAfter = Number(response.headers.get("Retry-After"));
    this.retryAfterS = retryAfter > 0 ? retryAfter : undefined;
  }
}

/** The server requires an API key, and the key is missing or wrong. */
export class KeyRequired extends ServerError {
  constructor(response) {
    super(response, { detail: "This server requires an API key." });
  }
}

/** The server did not respond: the server or the network is down. */
export class Unreachable extends Error {
  constructor() {
    super("The server does not respond.");
  }
}

/** Set by the page: asks for a key and resolves with whether the user entered one. */
let askForKey = async (_wasRefused) => false;
export function onKeyRequired(ask) {
  askForKey = ask;
}

/**
 * Resolves with a successful response; throws `ServerError`, `Unreachable`, or the signal's reason. Instead of a signal,
 * `timeoutMs` may be given, after which the server counts as unreachable.
 */
export async function request(path, options = {}) {
  const key = currentKey();
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const signal = options.timeoutMs ? AbortSignal.timeout(options.timeoutMs) : options.signal;
  const response = await fetch(path, { ...options, headers, signal }).catch(() => {
    options.signal?.throwIfAborted();
    throw new Unreachable();
  });
  if (response.ok) return response;
  const error = await readError(response);
  const isKeyNew = async () => currentKey() !== key || (await askForKey(key !== null));
  if (error instanceof KeyRequired && (await isKeyNew())) return request(path, options);
  throw error;
}

export async function requestJson(path, options) {
  const response = await request(path, options);
  return response.json().catch(() => {
    options?.signal?.throwIfAborted();
    throw new Unreachable();
  });
}

async function readError(response) {
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) return new KeyRequired(response);
  // A proxy that cannot reach the server.
  if (response.status === 502 || (response.status === 504 && !problem.code)) return new Unreachable();
  return new ServerError(response, problem);
}
