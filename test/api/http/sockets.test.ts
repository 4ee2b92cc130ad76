import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config.js";
import { PROBLEMS } from "../../../src/errors.js";
import { eventually } from "../../eventually.js";
import { type ExampleApiOptions, exampleApi, holdingHandler } from "../example-api.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function open(options?: ExampleApiOptions) {
  const api = await exampleApi(options);
  opened.push(api);
  const { port } = new URL(await api.listen());
  return { ...api, port: Number(port) };
}

/** Writes the pieces and resolves with all that comes back until the server closes the connection. */
function exchange(port: number, ...pieces: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => {
      for (const piece of pieces) socket.write(piece, "latin1");
    });
    socket.setEncoding("latin1").on("data", (text) => {
      answer += text;
    });
    // A reset after the answer is as good as an end: the server left a body unread.
    socket.on("error", (error) => (answer ? resolve(answer) : reject(error))).on("close", () => resolve(answer));
  });
}

function problemIn(answer: string) {
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  expect(head).toMatch(/content-type: application\/problem\+json/i);
  const document = JSON.parse(body);
  expect(PROBLEMS).toHaveProperty(document.code);
  expect(head).toMatch(`HTTP/1.1 ${document.status} `);
  return document;
}

const request = (body: string, ...headers: string[]) =>
  [
    "POST /generate HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    ...headers,
    "",
    body,
  ].join("\r\n");

describe("a client that hangs up", () => {
  const headersOf = { image: ["Accept: image/png"], job: ["Prefer: wait=60"] };

  it.each(Object.entries(headersOf))("while it waits for the %s cancels it", async (_, headers) => {
    const { handler, held } = holdingHandler();
    const { port, queue } = await open({ handler });
    const socket = connect(port, "127.0.0.1", () => socket.write(request('{"class":0}', ...headers)));
    await eventually(() => expect(held).toHaveLength(1));
    socket.destroy();
    await eventually(() => expect(held[0]!.context.signal.aborted).toBe(true));
    expect(await queue.get(held[0]!.spec.id)).toMatchObject({ record: { state: "cancelled" } });
  });

  it("after 202, or with an Idempotency-Key, does not", async () => {
    const { handler, held } = holdingHandler();
    const { port, app, queue } = await open({ handler });
    const hangUp = async (count: number, ...headers: string[]) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(request('{"class":0}', ...headers)));
      await eventually(() => expect(held).toHaveLength(count));
      socket.destroy();
    };
    await hangUp(1);
    await hangUp(2, "Accept: image/png", "Idempotency-Key: k");
    // The server has seen both connections close once it counts none.
    await eventually(async () => {
      const connections = await new Promise((resolve) => app.server.getConnections((_, count) => resolve(count)));
      expect(connections).toBe(0);
    });
    for (const { spec, context } of held) {
      expect(context.signal.aborted).toBe(false);
      expect(await queue.get(spec.id)).toMatchObject({ record: { state: "running" } });
    }
  });
});

describe("broken HTTP", () => {
  it.each([
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "invalid_request"],
    ["an unknown method", "BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", "invalid_request"],
    ["another version", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", "invalid_request"],
    ["no Host", "GET /models HTTP/1.1\r\nConnection: close\r\n\r\n", "invalid_request"],
    [
      "two Hosts",
      "GET /health/live HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\nConnection: close\r\n\r\n",
      "invalid_request",
    ],
    ["a bad header", "GET / HTTP/1.1\r\nHost: localhost\r\nbad header: x\r\n\r\n", "invalid_request"],
    ["a bare line feed in a header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\n b\r\n\r\n", "invalid_request"],
    [
      "two lengths",
      "POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "invalid_request",
    ],
    [
      "a length and chunks",
      "POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "invalid_request",
    ],
    ["long headers", `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "header_too_large"],
    [
      "a bad chunk",
      "POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "invalid_request",
    ],
  ])("with %s is answered with a problem", async (_, text, code) => {
    const { port, app } = await open();
    expect(problemIn(await exchange(port, text)).code).toBe(code);
    expect((await app.inject({ url: "/health/live" })).statusCode).toBe(200);
  });

  it("ends a chunked body at the limit", async () => {
    const { port } = await open();
    const head =
      "POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    const chunk = `4000\r\n${" ".repeat(0x4000)}\r\n`;
    expect(problemIn(await exchange(port, head, ...Array(6).fill(chunk))).code).toBe("body_too_large");
  });

  it("reads a large body to its end, so that its client gets to read the problem", async () => {
    const { port } = await open();
    const body = `"${"x".repeat(4 * 2 ** 20)}"`;
    const live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const answer = await exchange(port, request(body), live);
    expect([...answer.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)).toEqual(["413", "200"]);
  });

  it("ignores an expectation that it doesn't know", async () => {
    const { port } = await open();
    const answer = await exchange(port, request('{"class":0}', "Expect: miracles", "Connection: close"));
    expect(answer).toMatch(/^HTTP\/1.1 202 /);
  });

  it("answers pipelined requests in order", async () => {
    const { port } = await open();
    const get = (path: string, ...headers: string[]) =>
      [`GET ${path} HTTP/1.1`, "Host: localhost", ...headers, "", ""].join("\r\n");
    const answer = await exchange(
      port,
      get("/health/live") + get("/nowhere") + get("/health/live", "Connection: close"),
    );
    expect([...answer.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)).toEqual(["200", "404", "200"]);
  });
});

describe("slow clients", () => {
  const limits = { headersTimeoutMs: 300, requestTimeoutMs: 300, timeoutCheckMs: 50 };

  it.each([
    ["headers", "GET / HTTP/1.1\r\nHost:"],
    ["a body", request('{"class":0}').slice(0, -3)],
  ])("that never end %s get an error", async (_, text) => {
    const { port } = await open({ limits });
    expect(problemIn(await exchange(port, text))).toMatchObject({ status: 408, code: "request_timeout" });
  });

  it("that wait for an image are not ended by the request timeout", async () => {
    const { handler, held } = holdingHandler();
    const { port } = await open({ handler, limits });
    const answer = exchange(port, request('{"class":0}', "Accept: image/png", "Connection: close"));
    await sleep(800); // longer than both limits
    held[0]!.complete();
    expect(await answer).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe("an idle connection", () => {
  it("is kept for KEEP_ALIVE_S, which the response says, and then closed", async () => {
    const { port } = await open({ environment: { KEEP_ALIVE_S: "1" } });
    const answer = await exchange(port, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(answer).toMatch(/^Keep-Alive: timeout=1\r$/im);
  });

  it("is kept longer by default than the documented proxies keep theirs", () => {
    const page = readFileSync(new URL("../../../docs/proxies.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| (nginx|Caddy|HAProxy|Traefik) \|.*?\| (\d+) s \|/gm)];
    expect(rows).toHaveLength(4);
    for (const [, proxy, seconds] of rows) expect(loadConfig({}).keepAliveS, proxy).toBeGreaterThan(Number(seconds));
  });
});

describe("listening", () => {
  it("explains why it can't listen on an address", async () => {
    const { port } = await open();
    const second = await exampleApi({ environment: { PORT: String(port) } });
    opened.push(second);
    await expect(second.listen()).rejects.toThrow(`Can't listen on 127.0.0.1:${port}: another process already does`);
  });
});
