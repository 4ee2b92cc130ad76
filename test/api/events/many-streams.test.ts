import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type EventClient, openEvents } from "./event-client.js";

const STREAMS = 2000;
const AT_ONCE = 50;
/** Generous: a socket, its parser, request and response, and the job's record; an image kept for each would break it. */
const MAX_BYTES = 60_000;

let server: ChildProcess;
let port: number;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

beforeAll(async () => {
  const script = fileURLToPath(new URL("./stream-server.js", import.meta.url));
  server = fork(script, { execArgv: ["--expose-gc"] });
  [{ port }] = await once(server, "message");
});
afterAll(async () => {
  agent.destroy();
  const ended = once(server, "exit");
  server.disconnect();
  await ended;
});

function send(method: string, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const sent = request({ host: "127.0.0.1", port, method, path, agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece) => {
        text += piece;
      });
      response.on("end", () => resolve(text));
    });
    sent.on("error", reject).end(body);
  });
}

async function memory(): Promise<{ heapBytes: number; rssBytes: number; sockets: number }> {
  const answer = once(server, "message");
  server.send("memory");
  return (await answer)[0];
}

/** Calls `work` for 0 to `count` - 1, a few at once; resolves with the results in order. */
async function times<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const workThrough = async () => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, workThrough));
  return results;
}

it(`serves ${STREAMS} streams at once, each until its job ends`, async () => {
  const paths = await times(STREAMS, async () => {
    const job = JSON.parse(await send("POST", "/generate", '{"class":0}'));
    return `${job.links.self}/events`;
  });
  const before = await memory();
  const clients: EventClient[] = await times(STREAMS, (index) => openEvents(port, paths[index]!));
  await times(STREAMS, (index) => clients[index]!.event(() => true));
  const during = await memory();
  expect(during.sockets - before.sockets).toBe(STREAMS);
  server.send("go");
  const complete = await times(STREAMS, (index) => clients[index]!.ended);
  const after = await memory();

  expect(complete.every(Boolean)).toBe(true);
  for (const { names, events } of clients) {
    expect(names.filter((name) => name === "completed")).toHaveLength(1);
    expect(names.at(-1)).toBe("completed");
    expect(names.filter((name) => name === "running")).toHaveLength(1);
    const ids = events.map(({ id }) => id!);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  }
  const perStream = (name: "heapBytes" | "rssBytes") => Math.round((during[name] - before[name]) / STREAMS);
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  console.log(
    `${STREAMS} event streams: ${kilobytes(perStream("heapBytes"))} of heap and ${kilobytes(perStream("rssBytes"))} ` +
      `of resident memory for each; ${kilobytes((after.heapBytes - before.heapBytes) / STREAMS)} of heap left after them`,
  );
  expect(perStream("heapBytes")).toBeLessThan(MAX_BYTES);
  expect(perStream("rssBytes")).toBeLessThan(MAX_BYTES);
  expect(JSON.parse(await send("GET", "/health/live"))).toEqual({ status: "live" });
});
