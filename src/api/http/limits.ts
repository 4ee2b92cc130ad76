/** Bounds on the memory, connections and time that clients take. */
export interface HttpLimits {
  readonly bodyBytes: number;
  /** Request line and headers together. */
  readonly headerBytes: number;
  readonly uriCharacters: number;
  readonly connections: number;
  /** For the headers to arrive, and for the whole request. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often the two timeouts are checked. */
  readonly timeoutCheckMs: number;
  /** Event streams open at once; fewer than connections, so that other requests still get through. */
  readonly eventStreams: number;
  /** How often all streams are checked: positions in the queue, heartbeats, stalled readers. */
  readonly streamCheckMs: number;
  /** A stream that is silent for this long gets a comment, so that proxies do not consider it dead. */
  readonly heartbeatMs: number;
  /** A reader whose socket accepts nothing for this long is dropped. */
  readonly stalledReaderMs: number;
  /** Requests without a valid key that get a 401, for each address (IPv6: each /64); further ones get a 429. */
  readonly authFailuresPerMinute: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  bodyBytes: 64 * 1024,
  headerBytes: 16 * 1024,
  uriCharacters: 4096,
  connections: 4096,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 30_000,
  timeoutCheckMs: 5_000,
  eventStreams: 3000,
  streamCheckMs: 1_000,
  heartbeatMs: 15_000,
  stalledReaderMs: 30_000,
  authFailuresPerMinute: 60,
};
