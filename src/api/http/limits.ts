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
  /** Event streams open at once; fewer than connections, so that other requests are still answered. */
  readonly eventStreams: number;
  /** How often streams are looked after together: positions in the line, heartbeats, readers that stall. */
  readonly streamCheckMs: number;
  /** A stream that is silent for so long gets a comment, so that nobody on the way takes it for dead. */
  readonly heartbeatMs: number;
  /** A reader whose socket takes nothing for so long is dropped. */
  readonly stalledReaderMs: number;
  /** Requests without a valid key that one address (of IPv6, one /64) gets answered with 401; the rest are 429. */
  readonly authFailuresPerMinute: number;
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
  eventStreams: 3000,
  streamCheckMs: 1_000,
  heartbeatMs: 15_000,
  stalledReaderMs: 30_000,
  authFailuresPerMinute: 60,
};
