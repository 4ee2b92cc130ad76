import { afterEach, describe, expect, it } from "vitest";
import { type ExampleApiOptions, exampleApi } from "../example-api.js";
import { exampleKey, ringOf } from "./example-keys.js";

const alice = exampleKey("alice");
const bob = exampleKey("bob");
const operator = exampleKey("operator", { isAdmin: true });

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function open(options: ExampleApiOptions = {}) {
  const keys = ringOf(alice, bob, operator);
  const api = await exampleApi({ ...options, deps: { keys, ...options.deps } });
  opened.push(api);
  /** A completed job of Alice's. */
  const alicesJob = async (): Promise<string> => {
    const answer = await api.post({ class: 0 }, { ...alice.headers, prefer: "wait=10" });
    expect(answer.statusCode).toBe(200);
    return answer.json().id;
  };
  return { ...api, keys, alicesJob };
}

/** Every path and method of the contract that needs a key. */
function closedCalls(app: Awaited<ReturnType<typeof open>>["app"]): [method: string, url: string][] {
  const { paths } = app.swagger() as unknown as { paths: Record<string, Record<string, { security?: unknown[] }>> };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { security }]) => security === undefined)
      .map(([method]) => [method.toUpperCase(), path.replace(/\{\w+\}/g, "0")] as [string, string]),
  );
}

describe("without a key", () => {
  it("everything that creates or shows jobs is 401, and says how to send a key", async () => {
    const { app } = await open({ limits: { authFailuresPerMinute: 1000 } });
    const calls = closedCalls(app);
    expect(calls.length).toBeGreaterThan(7);
    for (const [method, url] of calls) {
      const answer = await app.inject({ method: method as "GET", url });
      expect(answer.statusCode, `${method} ${url}`).toBe(401);
      // Calls in OpenAI's shape have its errors, with the same code.
      const { code } = url.startsWith("/v1/") ? answer.json().error : answer.json();
      expect(code).toBe("unauthorized");
      // An operator's address asks a browser for a password as well (admin.test.ts).
      expect([answer.headers["www-authenticate"]].flat().at(-1)).toBe('Bearer realm="marimba"');
    }
  });

  it.each(["/", "/health/live", "/health/ready", "/openapi.json", "/docs", "/docs/", "/playground/icon.svg"])(
    "%s is open",
    async (url) => {
      const { app } = await open();
      const answer = await app.inject({ url });
      expect(answer.statusCode).toBeLessThan(400);
      expect(answer.headers).not.toHaveProperty("www-authenticate");
    },
  );

  it("a file of the documentation is open, and an unknown address stays 404 or 405", async () => {
    const { app } = await open();
    expect((await app.inject({ url: "/docs/static/swagger-ui.css" })).statusCode).toBe(200);
    expect((await app.inject({ url: "/nowhere" })).json()).toMatchObject({ code: "not_found" });
    expect((await app.inject({ method: "PUT", url: "/generate" })).json()).toMatchObject({
      code: "method_not_allowed",
    });
  });

  it("no body is read: what is refused costs nothing", async () => {
    const { app } = await open();
    const answer = await app.inject({ method: "POST", url: "/generate", payload: "x".repeat(100_000) });
    expect(answer.statusCode).toBe(401);
  });
});

describe("a key", () => {
  it("is taken as Authorization: Bearer or as X-API-Key", async () => {
    const { app } = await open();
    for (const headers of [
      { authorization: `Bearer ${alice.key}` },
      { authorization: `bearer  ${alice.key} ` },
      { "x-api-key": alice.key },
      { "x-api-key": alice.key, authorization: `Bearer ${alice.key}` },
    ])
      expect((await app.inject({ url: "/models", headers })).statusCode, JSON.stringify(headers)).toBe(200);
  });

  it("is looked for nowhere else", async () => {
    const { app } = await open();
    const basic = `Basic ${Buffer.from(`a:${alice.key}`).toString("base64")}`;
    for (const [url, headers] of [
      [`/models?api_key=${alice.key}`, {}],
      [`/models?key=${alice.key}`, {}],
      ["/models", { cookie: `key=${alice.key}` }],
      ["/models", { authorization: alice.key }],
      ["/models", { authorization: `Token ${alice.key}` }],
      ["/models", { authorization: basic }],
    ] as const)
      expect((await app.inject({ url, headers })).statusCode, url).toBe(401);
  });

  it("that is wrong differs from a missing key by the challenge only", async () => {
    const { app } = await open();
    for (const headers of [exampleKey("eve").headers, { "x-api-key": "secret" }, { "x-api-key": "" }]) {
      const answer = await app.inject({ url: "/models", headers });
      expect(answer.json()).toMatchObject({ code: "unauthorized" });
      expect(answer.headers["www-authenticate"]).toBe('Bearer realm="marimba", error="invalid_token"');
    }
  });

  it("that differs from another in the same request is refused", async () => {
    const { app } = await open();
    const answer = await app.inject({ url: "/models", headers: { ...alice.headers, "x-api-key": bob.key } });
    expect(answer.json()).toMatchObject({ code: "invalid_request", status: 400 });
  });

  it("stops working as soon as it is withdrawn", async () => {
    const { app, keys } = await open();
    keys.replace([bob.entry]);
    expect((await app.inject({ url: "/models", headers: alice.headers })).statusCode).toBe(401);
  });

  it("makes its name, and never itself, part of the job and its caller's id", async () => {
    const { app, queue, alicesJob } = await open();
    const id = await alicesJob();
    const found = await queue.get(id);
    expect(found).toMatchObject({ record: { spec: { caller: `key-${alice.entry.id}` } } });
    expect((await app.inject({ url: `/jobs/${id}`, headers: alice.headers })).statusCode).toBe(200);
  });
});

describe("another key's job", () => {
  it("is 404 everywhere, with the words for a job that never was", async () => {
    const { app, alicesJob } = await open();
    const id = await alicesJob();
    const paths = [`/jobs/${id}`, `/jobs/${id}/images/0`, `/jobs/${id}/images/7`, `/jobs/${id}/events`];
    for (const [method, url] of [...paths.map((path) => ["GET", path]), ["DELETE", `/jobs/${id}`]]) {
      const answer = await app.inject({ method: method as "GET", url: url!, headers: bob.headers });
      expect([answer.statusCode, answer.json().code], url).toEqual([404, "job_not_found"]);
      const { instance: _one, ...problem } = answer.json();
      const never = id.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
      const other = await app.inject({ method: method as "GET", url: url!.replace(id, never), headers: bob.headers });
      const { instance: _other, ...neverProblem } = other.json();
      expect({ ...problem, detail: problem.detail.replace(id, never) }).toEqual(neverProblem);
    }
    const own = await app.inject({ url: `/jobs/${id}/images/0`, headers: alice.headers });
    expect([own.statusCode, own.headers["content-type"]]).toEqual([200, "image/png"]);
  });

  it("is shown to an admin", async () => {
    const { app, alicesJob } = await open();
    const id = await alicesJob();
    for (const path of [`/jobs/${id}`, `/jobs/${id}/images/0`])
      expect((await app.inject({ url: path, headers: operator.headers })).statusCode).toBe(200);
  });

  it("is not found by its idempotency key", async () => {
    const { post } = await open();
    const ids = [];
    for (const { headers } of [alice, alice, bob])
      ids.push((await post({ class: 0 }, { ...headers, "idempotency-key": "order-66" })).json().id);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it("can't be distinguished from an unknown job after it has expired", async () => {
    const { app, alicesJob, queue } = await open({ environment: { MAX_RESULT_BYTES: "1" } });
    const id = await alicesJob();
    await alicesJob();
    expect(await queue.get(id)).toEqual({ kind: "expired" });
    // Nobody knows any more whose it was; that it once was says nothing of anybody.
    for (const { headers } of [alice, bob])
      expect((await app.inject({ url: `/jobs/${id}`, headers })).statusCode).toBe(410);
  });
});

describe("requests without a valid key", () => {
  it("are 429 above the bound of their address, while valid keys still work there", async () => {
    const { app } = await open({ limits: { authFailuresPerMinute: 3 } });
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await app.inject({ url: "/models" })).statusCode);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    const refused = await app.inject({ url: "/models", headers: exampleKey("eve").headers });
    expect(refused.json()).toMatchObject({ code: "too_many_failures" });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await app.inject({ url: "/models", headers: alice.headers })).statusCode).toBe(200);
    expect((await app.inject({ url: "/models", remoteAddress: "192.0.2.7" })).statusCode).toBe(401);
  });

  it("of one IPv6 network count as one address's", async () => {
    const { app } = await open({ limits: { authFailuresPerMinute: 1 } });
    const statusFrom = async (remoteAddress: string) =>
      (await app.inject({ url: "/models", remoteAddress })).statusCode;
    expect(await statusFrom("2001:db8:0:1::1")).toBe(401);
    expect(await statusFrom("2001:db8:0:1:ffff::2")).toBe(429);
    expect(await statusFrom("2001:db8:0:2::1")).toBe(401);
  });
});
