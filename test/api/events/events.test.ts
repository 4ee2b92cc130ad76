import { afterEach, describe, expect, it, vi } from "vitest";
import { JobFailure } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { completeAtOnce, type ExampleApiOptions, exampleApi, holdingHandler } from "../example-api.js";
import { type EventClient, openEvents } from "./event-client.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

/** A server whose worker holds every image until the test lets it go; one at a time unless said otherwise. */
async function open(options: ExampleApiOptions = {}) {
  const { handler, held } = holdingHandler();
  const limits = { streamCheckMs: 20, ...options.limits };
  const api = await exampleApi({ handler, maxImages: 1, ...options, limits });
  opened.push(api);
  const port = Number(new URL(await api.listen()).port);
  const submit = async (body: object = {}) => (await api.post({ class: 0, ...body })).json();
  const watch = (job: { links: { self: string } }, query = "", headers = {}): Promise<EventClient> =>
    openEvents(port, `${job.links.self}/events${query}`, headers);
  const taken = async (count: number) => {
    await eventually(() => expect(held.length).toBeGreaterThanOrEqual(count));
    return held[count - 1]!;
  };
  const show = async (job: { links: { self: string } }) => (await api.app.inject({ url: job.links.self })).json();
  return { ...api, port, submit, watch, taken, show };
}

const since = (id: number) => ({ "last-event-id": String(id) });

describe("GET /jobs/{id}/events", () => {
  it("shows the job from queue to end, as GET /jobs/{id} does", async () => {
    const { submit, watch, taken, show } = await open();
    const blocker = await submit();
    const job = await submit();
    const client = await watch(job);
    expect(client.status).toBe(200);
    expect(client.response.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    expect(await client.named("queued")).toEqual({ name: "queued", id: 1, data: await show(job) });
    expect(client.retryMs).toBeGreaterThan(0);
    (await taken(1)).complete();
    expect((await client.named("running")).data).toEqual(await show(job));
    (await taken(2)).context.progress(1, 8);
    expect((await client.named("progress")).data).toEqual({ step: 1, of: 8 });
    (await taken(2)).complete();
    expect((await client.named("completed")).data).toEqual(await show(job));
    expect(await client.ended).toBe(true);
    expect(client.names).toEqual(["queued", "running", "progress", "completed"]);
    expect(client.events.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect((await show(blocker)).state).toBe("completed");
  });

  it("sends a new position, and nothing else", async () => {
    const { submit, watch, taken } = await open({ limits: { heartbeatMs: 20 } });
    for (const num_images of [1, 2]) await submit({ num_images });
    const job = await submit();
    const client = await watch(job);
    await client.event(({ data }) => data.position === 2);
    await eventually(() => expect(client.comments.length).toBeGreaterThan(3));
    expect(client.events).toHaveLength(1);
    (await taken(1)).complete();
    await client.event(({ data }) => data.position === 1);
    (await taken(2)).complete();
    await client.event(({ data }) => data.position === 0);
    expect(client.names).toEqual(["queued", "queued", "queued"]);
    client.close();
  });

  it("ends after a failure or a cancellation too", async () => {
    const { app, submit, watch, taken } = await open();
    const running = await submit();
    const waiting = await submit();
    const clients = [await watch(running), await watch(waiting)];
    await clients[1]!.named("queued");
    await app.inject({ method: "DELETE", url: waiting.links.self });
    (await taken(1)).fail(new JobFailure({ code: "generation_failed", detail: "A run failed." }));
    expect((await clients[0]!.named("failed")).data.error.detail).toBe("A run failed.");
    expect((await clients[1]!.named("cancelled")).data.state).toBe("cancelled");
    for (const client of clients) expect(await client.ended).toBe(true);
    expect(clients[1]!.names).toEqual(["queued", "cancelled"]);
  });

  it("gives a client that reconnects what it missed, nothing twice, and 204 at the end", async () => {
    const { submit, watch, taken } = await open();
    await submit();
    const job = await submit();
    const first = await watch(job);
    await first.named("queued");
    first.close();
    (await taken(1)).complete();
    (await taken(2)).context.progress(3, 8);
    const second = await watch(job, "", since(1));
    await second.named("progress");
    expect(second.names).toEqual(["running", "progress"]);
    second.close();
    (await taken(2)).complete();
    const third = await watch(job, "", since(3));
    expect(await third.ended).toBe(true);
    expect(third.names).toEqual(["completed"]);
    const late = await watch(job, "", since(1));
    await late.ended;
    expect(late.names).toEqual(["running", "completed"]);
    const done = await watch(job, "", since(third.events[0]!.id!));
    expect(await done.ended).toBe(true);
    expect([done.status, done.events, done.comments]).toEqual([204, [], []]);
  });

  it("refuses what it doesn't know, as GET /jobs/{id} does", async () => {
    const { app, post, submit } = await open({ environment: { MAX_RESULT_BYTES: "1" }, handler: completeAtOnce });
    const gone = (await post({ class: 0 }, { prefer: "wait=5" })).json();
    await post({ class: 0 }, { prefer: "wait=5" });
    const problem = async (url: string, headers = {}) => {
      const response = await app.inject({ url, headers });
      return [response.statusCode, response.json().code, response.json().errors?.[0].pointer];
    };
    const { self } = (await submit()).links;
    expect(await problem("/jobs/job_000000000000000000000000/events")).toEqual([404, "job_not_found", undefined]);
    expect(await problem(`${gone.links.self}/events`)).toEqual([410, "job_expired", undefined]);
    expect(await problem(`${self}/events?previews=yes`)).toEqual([400, "invalid_request", "/previews"]);
    expect(await problem(`${self}/events?preview=true`)).toEqual([400, "invalid_request", "/preview"]);
    for (const id of ["x", "-1", "1.5", "1".repeat(20)]) {
      const wrong = await problem(`${self}/events`, { "last-event-id": id });
      expect(wrong).toEqual([400, "invalid_request", "/last-event-id"]);
    }
  });

  it("answers HEAD with the headers, and watches no job for it", async () => {
    const { app, queue, submit } = await open();
    const job = await submit();
    const subscribe = vi.spyOn(queue, "subscribe");
    const head = await app.inject({ method: "HEAD", url: `${job.links.self}/events` });
    expect([head.statusCode, head.headers["content-type"], head.body]).toEqual([200, "text/event-stream", ""]);
    expect(subscribe).not.toHaveBeenCalled();
    expect((await app.inject({ method: "HEAD", url: "/jobs/job_00000000/events" })).statusCode).toBe(404);
  });
});

describe("previews", () => {
  const preview = (step: number, bytes: Uint8Array = Uint8Array.of(1, 2, step)) => ({
    imageIndex: 0,
    step,
    of: 8,
    bytes,
    contentType: "image/png",
  });

  it("are decoded and sent only on request, without an id, and not after the last step", async () => {
    const { submit, watch, taken } = await open();
    const job = await submit();
    const { context, complete } = await taken(1);
    const plain = await watch(job, "?previews=false");
    await plain.named("running");
    expect(context.wantsPreview()).toBe(false);
    const watching = await watch(job, "?previews=true");
    await eventually(() => expect(context.wantsPreview()).toBe(true));
    context.preview(preview(2));
    const data = { index: 0, step: 2, of: 8, content_type: "image/png", base64: "AQIC" };
    expect(await watching.named("preview")).toEqual({ name: "preview", data });
    context.preview(preview(8));
    complete();
    await Promise.all([plain.ended, watching.ended]);
    expect(watching.names).toEqual(["running", "preview", "completed"]);
    expect(plain.names).toEqual(["running", "completed"]);
    expect(context.wantsPreview()).toBe(false);
  });

  it("that a reader is too slow for are skipped: it gets the newest, and the end", async () => {
    const { submit, watch, taken } = await open();
    const job = await submit();
    const { context, complete } = await taken(1);
    const client = await watch(job, "?previews=true");
    await client.named("running");
    client.response.pause();
    const bytes = new Uint8Array(2 ** 20);
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    const sent = 200;
    for (let count = 1; count <= sent; count++) {
      context.preview(preview(count % 8, bytes));
      context.progress(count, 1000);
      await new Promise(setImmediate);
    }
    // All that was sent would be 280 MB of base64.
    const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().external - before;
    expect(grown).toBeLessThan(60 * 2 ** 20);
    client.response.resume();
    await client.event(({ name, data }) => name === "progress" && data.step === sent);
    complete();
    expect(await client.ended).toBe(true);
    expect(client.names.filter((name) => name === "preview").length).toBeLessThan(sent / 2);
    expect(client.names.at(-1)).toBe("completed");
  });

  it("don't pile up for a stalled reader: it is dropped, and no other", async () => {
    const { submit, watch, taken, app } = await open({ limits: { stalledReaderMs: 300 } });
    const job = await submit();
    const { context, complete } = await taken(1);
    const stalled = await watch(job, "?previews=true");
    const other = await watch(job);
    await stalled.named("running");
    stalled.response.pause();
    const bytes = new Uint8Array(2 ** 20);
    await eventually(async () => {
      context.preview(preview(1, bytes));
      const connections = await new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)));
      expect(connections).toBe(1);
    });
    await eventually(() => expect(context.wantsPreview()).toBe(false));
    stalled.response.resume();
    expect(await stalled.ended).toBe(false);
    complete();
    expect(await other.ended).toBe(true);
    expect(other.names.at(-1)).toBe("completed");
  });
});
