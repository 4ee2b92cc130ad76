import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EventStreams } from "../../../src/api/events/event-streams.js";
import { DEFAULT_LIMITS } from "../../../src/api/http/limits.js";
import { loadConfig } from "../../../src/config.js";
import type { JobQueue } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { type ExampleApiOptions, exampleApi, exampleModels, holdingHandler } from "../example-api.js";
import { openEvents } from "./event-client.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

/** A server with one held job, whose calls to the queue the test can replace and count. */
async function open(options: ExampleApiOptions = {}) {
  const { handler, held } = holdingHandler();
  const limits = { streamCheckMs: 20, ...options.limits };
  const api = await exampleApi({ handler, ...options, limits });
  opened.push(api);
  const port = Number(new URL(await api.listen()).port);
  const job = (await api.post({ class: 0 })).json();
  await eventually(() => expect(held).toHaveLength(1));
  const path = `${job.links.self}/events`;
  return {
    ...api,
    port,
    path,
    id: job.id as string,
    held: held[0]!,
    watch: (headers = {}) => openEvents(port, path, headers),
  };
}

/** Counts the subscriptions that are open. */
function countSubscriptions(queue: JobQueue) {
  const subscribe = queue.subscribe.bind(queue);
  const count = { now: 0, most: 0 };
  vi.spyOn(queue, "subscribe").mockImplementation((id, listener) => {
    count.most = Math.max(count.most, ++count.now);
    let isOver = false;
    const unsubscribe = subscribe(id, listener);
    return () => {
      if (!isOver) count.now--;
      isOver = true;
      unsubscribe();
    };
  });
  return count;
}

describe("open streams", () => {
  it("send heartbeats when nothing happens", async () => {
    const { watch, held } = await open({ limits: { heartbeatMs: 50 } });
    const client = await watch();
    await eventually(() => expect(client.comments.length).toBeGreaterThanOrEqual(3));
    expect(client.names).toEqual(["running"]);
    held.complete();
    expect(await client.ended).toBe(true);
  });

  it("are bounded; a client above the bound learns when to retry", async () => {
    const { watch, app, path } = await open({ limits: { eventStreams: 2 } });
    const clients = [await watch(), await watch()];
    const refused = await app.inject({ url: path });
    expect(refused.statusCode).toBe(503);
    expect(refused.json().code).toBe("too_many_streams");
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    clients[0]!.close();
    await eventually(async () => {
      const next = await watch();
      clients.push(next);
      expect(next.status).toBe(200);
    });
    for (const client of clients) client.close();
  });

  it("leave no subscription behind, whether clients leave or the job ends", async () => {
    const { watch, held, queue, port, path } = await open();
    const count = countSubscriptions(queue);
    for (let round = 0; round < 10; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => watch()));
      for (const client of clients) client.close();
    }
    // Some leave before they are answered.
    for (let index = 0; index < 20; index++) {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      if (index % 2) await new Promise(setImmediate);
      socket.destroy();
    }
    const last = await watch();
    await eventually(() => expect(count.now).toBe(1));
    expect(count.most).toBeGreaterThan(10);
    held.complete();
    expect(await last.ended).toBe(true);
    await eventually(() => expect(count.now).toBe(0));
  });

  it("are not begun for a client that left before its job was found", async () => {
    const { queue, app, port, path } = await open();
    const count = countSubscriptions(queue);
    const get = queue.get.bind(queue);
    let find = () => {};
    const found = new Promise<void>((resolve) => {
      find = resolve;
    });
    const asked = vi.spyOn(queue, "get").mockImplementation(async (id) => {
      await found;
      return get(id);
    });
    const socket = connect(port, "127.0.0.1", () => socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
    await eventually(() => expect(asked).toHaveBeenCalled());
    socket.destroy();
    await eventually(async () => {
      const connections = await new Promise((resolve) => app.server.getConnections((_, open) => resolve(open)));
      expect(connections).toBe(0);
    });
    find();
    await asked.mock.results[0]!.value;
    await new Promise(setImmediate);
    expect(count.most).toBe(0);
  });

  it("share one look at a job, however many watch it", async () => {
    const { app, queue, watch, post, port } = await open({ maxImages: 1, limits: { heartbeatMs: 60_000 } });
    const [ahead, waiting] = [(await post({ class: 0 })).json(), (await post({ class: 0 })).json()];
    const clients = await Promise.all(
      Array.from({ length: 5 }, () => openEvents(port, `${waiting.links.self}/events`)),
    );
    for (const client of clients) await client.event(({ data }) => data.position === 1);
    const running = await watch();
    const get = vi.spyOn(queue, "get");
    await eventually(() => expect(get.mock.calls.length).toBeGreaterThanOrEqual(5));
    expect(get.mock.calls.every(([id]) => id === waiting.id)).toBe(true);
    await app.inject({ method: "DELETE", url: ahead.links.self });
    for (const client of clients) await client.event(({ data }) => data.position === 0);
    for (const client of [...clients, running]) client.close();
    await eventually(async () => {
      get.mockClear();
      await sleep(60); // three checks of a stream
      expect(get).not.toHaveBeenCalled();
    });
  });

  it("end as HTTP ends a body when the server closes, and the server closes at once", async () => {
    const { watch, app } = await open();
    const clients = [await watch(), await watch()];
    for (const client of clients) await client.named("running");
    await app.close();
    for (const client of clients) {
      expect(await client.ended).toBe(true);
      expect(client.comments.at(-1)).toContain("reconnect");
      expect(client.names).toEqual(["running"]);
    }
  });

  it("are no longer begun once the server closes", async () => {
    const { queue } = await open();
    const deps = { config: loadConfig({}), queue, models: exampleModels(), readiness: () => ({ ready: true }) };
    const streams = new EventStreams({ ...deps, logger: pino({ level: "silent" }) }, DEFAULT_LIMITS);
    expect(() => streams.checkRoom()).not.toThrow();
    streams.close();
    expect(() => streams.checkRoom()).toThrow("shutting down");
  });
});

describe("when the queue falters, a stream", () => {
  it("reads the job even if a message is lost", async () => {
    const { queue, watch, held } = await open({ limits: { heartbeatMs: 50 } });
    vi.spyOn(queue, "subscribe").mockReturnValue(() => {});
    const client = await watch();
    held.complete();
    expect(await client.ended).toBe(true);
    expect(client.names).toEqual(["running", "completed"]);
  });

  it("waits while the queue is not reachable", async () => {
    const { queue, watch, held } = await open({ limits: { heartbeatMs: 50 } });
    const get = queue.get.bind(queue);
    const client = await watch();
    let isAway = true;
    const asked = vi.spyOn(queue, "get").mockImplementation(async (id) => {
      if (isAway) throw new Error("away");
      return get(id);
    });
    vi.spyOn(queue, "subscribe").mockReturnValue(() => {});
    await eventually(() => expect(asked.mock.calls.length).toBeGreaterThanOrEqual(2));
    isAway = false;
    held.complete();
    expect(await client.ended).toBe(true);
    expect(client.names.at(-1)).toBe("completed");
  });

  it("ends when its job is deleted, and a client that reconnects gets an error", async () => {
    const { queue, watch } = await open({ limits: { heartbeatMs: 50 } });
    const client = await watch();
    await client.named("running");
    vi.spyOn(queue, "get").mockResolvedValue({ kind: "expired" });
    expect(await client.ended).toBe(true);
    expect((await watch()).status).toBe(410);
  });
});
