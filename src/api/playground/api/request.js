// Every request to the server goes through here: it adds the key, notices dead connections, and turns failures into typed
// errors. Addresses are relative to the page's, so that it works under any path.
import { currentKey } from "./key.js";

/** A server that is there answers sooner, even if it waits for Redis. */
const SILENCE_MS = 10_000;

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

/** Nothing arrived for too long. The connection may be dead without being closed, while a new one would work. */
export class Silent extends Unreachable {}

/** Set by the page: asks for a key and resolves with whether the user entered one. */
let askForKey = async (_wasRefused) => false;
export function onKeyRequired(ask) {
  askForKey = ask;
}

export const jobPath = ({ id }) => `jobs/${encodeURIComponent(id)}`;

/**
 * Resolves with a successful response; throws `ServerError`, `Unreachable`, or the signal's reason. The response's body fails
 * with `Silent` if nothing arrives for `silenceMs`.
 */
export async function request(path, options = {}) {
  const key = currentKey();
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const response = await fetchUnlessSilent(path, { ...options, headers }).catch((error) => {
    options.signal?.throwIfAborted();
    throw error instanceof Silent ? error : new Unreachable();
  });
  if (response.ok) return response;
  const error = await readError(response);
  const isKeyNew = async () => currentKey() !== key || (await askForKey(key !== null));
  if (error instanceof KeyRequired && (await isKeyNew())) return request(path, options);
  throw error;
}

export async function requestJson(path, options) {
  const response = await request(path, options);
  return response.json().catch((error) => {
    options?.signal?.throwIfAborted();
    throw error instanceof Silent ? error : new Unreachable();
  });
}

async function fetchUnlessSilent(path, { signal, silenceMs = SILENCE_MS, ...options }) {
  const silence = new AbortController();
  /** Aborting closes the connection, so that the browser does not use it again. */
  const unlessSilent = (promise) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Silent());
        silence.abort();
      }, silenceMs);
      promise.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  const either = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const response = await unlessSilent(fetch(path, { ...options, signal: either }));
  if (!response.body) return response;
  // Short, and shown in the browser's developer tools only if it is not read as a stream.
  const isJson = response.headers.get("Content-Type")?.includes("json");
  if (isJson) return new Response(await unlessSilent(response.text()), response);
  const reader = response.body.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      const { done, value } = await unlessSilent(reader.read());
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, response);
}

async function readError(response) {
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) return new KeyRequired(response);
  // A proxy that cannot reach the server.
  if (response.status === 502 || (response.status === 504 && !problem.code)) return new Unreachable();
  return new ServerError(response, problem);
}
