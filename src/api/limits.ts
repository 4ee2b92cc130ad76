/** What one client may take of the server's memory, connections and time. */
export interface HttpLimits {
  readonly bodyBytes: number;
  /** Request line and headers together. */
  readonly headerBytes: number;
  readonly uriCharacters: number;
  readonly connections: number;
  /** For the headers to arrive, and for the whole request. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveTimeoutMs: number;
  /** How often the two timeouts are looked after. */
  readonly timeoutCheckMs: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  uriCharacters: 4096,
  connections: 4096,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 30_000,
  // Longer than the 60 s that proxies keep idle connections, so that they close first.
  keepAliveTimeoutMs: 65_000,
  timeoutCheckMs: 5_000,
};
