// Every request to the server goes through here: with the key where there is one, and with errors as two kinds.
import { currentKey } from "./key.js";

/** The server's own answer that something is wrong: a problem document (RFC 9457). */
export class ServerError extends Error {
  constructor(response, problem) {
    super(problem.detail ?? `The server answered ${response.status} ${response.statusText}.`);
    this.status = response.status;
    this.code = problem.code ?? "";
    /** `{pointer, message}` of every field at fault. */
    this.fields = problem.errors ?? [];
    const retryAfter = Number(response.headers.get("Retry-After"));
    this.retryAfterS = retryAfter > 0 ? retryAfter : undefined;
  }
}

/** The server wants an API key, and the reader gave none, or not the right one. */
export class KeyWanted extends ServerError {
  constructor(response) {
    super(response, { detail: "This server wants an API key before it makes pictures." });
  }
}

/** No answer at all: the server is gone, or the network is. */
export class Unreachable extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

/** Set by the page: asks for a key, told whether one was refused, and resolves with whether one was given. */
let askForKey = async (_wasRefused) => false;
export function onKeyWanted(ask) {
  askForKey = ask;
}

/**
 * Resolves with a good answer; throws `ServerError`, `Unreachable`, or the signal's reason. Instead of a signal there may
 * be `timeoutMs`, after which a server counts as unreachable.
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
  if (error instanceof KeyWanted && (await isKeyNew())) return request(path, options);
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
  if (response.status === 401) return new KeyWanted(response);
  // A proxy that finds nobody behind it.
  if (response.status === 502 || (response.status === 504 && !problem.code)) return new Unreachable();
  return new ServerError(response, problem);
}
