/** A server that is there sends something sooner: event streams have a heartbeat every 15 s. */
export const DEFAULT_SILENCE_MS = 25_000;

/**
 * Fetches; the call or the response's body fails with a `TypeError`, as after a broken connection, if nothing arrives for
 * `silenceMs`: a connection can be dead without being closed. Before, `onSilence` may see to the other connections.
 */
export async function fetchUnlessSilent(
  fetch: typeof globalThis.fetch,
  url: URL,
  init: RequestInit,
  silenceMs: number,
  onSilence: () => Promise<void>,
): Promise<Response> {
  const silence = new AbortController();
  const unlessSilent = <Result>(promise: Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(async () => {
        // Closes the connection, so that no other request uses it.
        silence.abort();
        await onSilence();
        reject(new TypeError(`${url.origin} sent nothing for ${silenceMs / 1000} s`));
      }, silenceMs);
      const fail = (error: unknown) => {
        if (!silence.signal.aborted) reject(error);
      };
      promise.then(resolve, fail).finally(() => clearTimeout(timer));
    });
  const signal = init.signal ? AbortSignal.any([init.signal, silence.signal]) : silence.signal;
  const response = await unlessSilent(fetch(url, { ...init, signal }));
  if (!response.body) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await unlessSilent(reader.read());
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // A reader that takes its time is not a silent server.
    { highWaterMark: 0 },
  );
  // A new response has no address.
  return Object.defineProperty(new Response(body, response), "url", { value: response.url });
}
