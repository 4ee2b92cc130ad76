import autocannon from "autocannon";
import type { Answer } from "./answers.js";

export interface ClosedLoad {
  readonly address: string;
  readonly connections: number;
  /** How long, or how many requests: exactly one of the two. Requests under way at the end of the time are dropped. */
  readonly seconds?: number;
  readonly requests?: number;
  /** The body of the request with this number. */
  readonly body: (index: number) => unknown;
  /** Its path; /generate unless given. */
  readonly path?: (index: number) => string;
}

/**
 * Keeps every connection busy with synchronous requests. Latency is from the call, and a slow server
 * is asked less often: for what users who don't wait for each other would see, use the open loop.
 */
export async function runClosedLoop({
  address,
  connections,
  seconds,
  requests,
  body,
  path,
}: ClosedLoad): Promise<Answer[]> {
  const answers: Answer[] = [];
  let sent = 0;
  const run = autocannon({
    url: address,
    connections,
    ...(seconds !== undefined && { duration: seconds }),
    ...(requests !== undefined && { amount: requests }),
    timeout: 130,
    method: "POST",
    headers: { "content-type": "application/json", accept: "image/png" },
    requests: [
      {
        setupRequest: (request) => {
          const index = sent++;
          return { ...request, path: path?.(index) ?? "/generate", body: JSON.stringify(body(index)) };
        },
      },
    ],
    setupClient: (client) => {
      let headers: Record<string, string> = {};
      client.on("headers", ({ headers: pairs }) => {
        headers = fromPairs(pairs as unknown as string[]);
      });
      client.on("response", (status, _bytes, latencyMs) =>
        answers.push({ ...answer(status, latencyMs, headers), cameMs: performance.now() }),
      );
    },
  });
  const result = await run;
  for (let i = 0; i < result.errors; i++) answers.push({ status: 0, latencyMs: Number.NaN });
  return answers;
}

/** The parser gives names and values in turn. */
function fromPairs(pairs: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) headers[pairs[i]!.toLowerCase()] = pairs[i + 1]!;
  return headers;
}

export function answer(status: number, latencyMs: number, headers: Readonly<Record<string, unknown>>): Answer {
  const retryAfter = headers["retry-after"];
  const batchSize = headers["marimba-batch-size"];
  return {
    status,
    latencyMs,
    ...(retryAfter !== undefined && { retryAfterS: Number(retryAfter) }),
    ...(batchSize !== undefined && { batchSize: Number(batchSize) }),
    ...waitedMs(headers["server-timing"]),
  };
}

/** What `Server-Timing` says about the time before the first step. */
function waitedMs(timing: unknown): Pick<Answer, "waitedMs"> {
  const spans = [...String(timing ?? "").matchAll(/(?:^|, )(?:queue|batch_wait);dur=([\d.]+)/g)];
  return spans.length === 0 ? {} : { waitedMs: spans.reduce((sum, [, ms]) => sum + Number(ms), 0) };
}
