import { readProblem, unexpectedAnswer } from "./problem.js";
import { type RetryOptions, withRetries } from "./retry.js";
import { DEFAULT_SILENCE_MS, fetchUnlessSilent } from "./silence.js";

export interface MarimbaClientOptions extends RetryOptions {
  /** Such as `http://127.0.0.1:8080`, with or without a path. In a browser it defaults to the page's origin. */
  readonly baseUrl?: string | URL;
  /** Sent as `Authorization: Bearer`. */
  readonly apiKey?: string;
  /** Milliseconds without a byte after which a connection counts as broken; 25 000 when absent. */
  readonly silenceMs?: number;
  /** Replaces the platform's `fetch`. */
  readonly fetch?: typeof fetch;
}

export interface HttpRequest {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** As many as the connections that a browser opens to a host. */
const PROBES = 6;
const PROBE_MS = 4000;

/** Requests to one server. They are repeated after broken connections and while the server is busy, so each must be safe to repeat. */
export class Http {
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: typeof fetch;
  readonly silenceMs: number;
  readonly #retry: RetryOptions;

  constructor({ baseUrl, apiKey, silenceMs = DEFAULT_SILENCE_MS, fetch: ownFetch, ...retry }: MarimbaClientOptions) {
    const own = (globalThis as { location?: { origin: string } }).location?.origin;
    const base = baseUrl ?? own;
    if (base === undefined) throw new TypeError("MarimbaClient needs a baseUrl, such as http://127.0.0.1:8080");
    this.#base = new URL(base);
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.#headers = apiKey === undefined ? {} : { Authorization: `Bearer ${apiKey}` };
    // A browser's fetch must not be called as a method of another object.
    this.#fetch = ownFetch ?? ((input, init) => fetch(input, init));
    this.silenceMs = silenceMs;
    this.#retry = retry;
  }

  get retry(): RetryOptions {
    return this.#retry;
  }

  /** Resolves with a response whose status is below 400. Throws `MarimbaProblem`. */
  async send(path: string, request: HttpRequest = {}): Promise<Response> {
    return withRetries(() => this.sendOnce(path, request), this.#retry, request.signal);
  }

  async json<Body>(path: string, request: HttpRequest = {}): Promise<Body> {
    const read = async () => {
      const response = await this.sendOnce(path, request);
      if (isJson(response)) return (await response.json()) as Body;
      throw unexpectedAnswer(response, await response.text());
    };
    return withRetries(read, this.#retry, request.signal);
  }

  async bytes(path: string, request: HttpRequest = {}): Promise<Uint8Array<ArrayBuffer>> {
    const read = async () => new Uint8Array(await (await this.sendOnce(path, request)).arrayBuffer());
    return withRetries(read, this.#retry, request.signal);
  }

  async sendOnce(path: string, { method = "GET", query = {}, headers, json, signal }: HttpRequest): Promise<Response> {
    const url = new URL(path.replace(/^\//, ""), this.#base);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, `${value}`);
    const init: RequestInit = {
      method,
      headers: {
        Accept: "application/json",
        ...(json !== undefined && { "Content-Type": "application/json" }),
        ...this.#headers,
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(signal && { signal }),
    };
    const response = await fetchUnlessSilent(this.#fetch, url, init, this.silenceMs, () => this.#closeDead());
    if (response.status >= 400) throw await readProblem(response);
    return response;
  }

  /** Where one connection is dead, idle ones may be too: each of these requests closes one, or gets through on a new one. */
  async #closeDead(): Promise<void> {
    const probe = async () => {
      const response = await this.#fetch(new URL("health/live", this.#base), { signal: AbortSignal.timeout(PROBE_MS) });
      await response.text();
    };
    await Promise.any(Array.from({ length: PROBES }, probe)).catch(() => {});
  }
}

function isJson({ headers }: Response): boolean {
  return /^application\/json\b/.test(headers.get("content-type") ?? "");
}
