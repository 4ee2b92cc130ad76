import { afterEach, describe, expect, it } from "vitest";
import { type ExampleApiOptions, exampleApi } from "../example-api.js";
import { exampleKey, ringOf } from "./example-keys.js";

const alice = exampleKey("alice");
const ORIGIN = "https://app.example.com";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
async function open(options: ExampleApiOptions = {}) {
  const api = await exampleApi(options);
  opened.push(api);
  return api.app;
}

const preflight = (origin: string) => ({
  method: "OPTIONS" as const,
  url: "/generate",
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-lang,x-stainless-os",
  },
});

describe("a page of another origin", () => {
  it("may call nothing by default", async () => {
    const app = await open();
    const refused = await app.inject(preflight(ORIGIN));
    expect(refused.json()).toMatchObject({ code: "method_not_allowed" });
    const answer = await app.inject({ url: "/models", headers: { origin: ORIGIN } });
    for (const { headers } of [refused, answer]) expect(headers).not.toHaveProperty("access-control-allow-origin");
  });

  it("may call where CORS_ORIGINS names it, with a key, and no other may", async () => {
    const environment = { CORS_ORIGINS: `${ORIGIN},http://localhost:3000` };
    const app = await open({ environment, deps: { keys: ringOf(alice) } });
    const allowed = await app.inject(preflight(ORIGIN));
    expect(allowed.statusCode).toBe(204);
    expect(allowed.headers["access-control-allow-origin"]).toBe(ORIGIN);
    expect(allowed.headers["access-control-allow-headers"]).toBe(
      "authorization,content-type,x-stainless-lang,x-stainless-os",
    );
    expect(allowed.headers).not.toHaveProperty("access-control-allow-credentials");
    const answer = await app.inject({ url: "/models", headers: { ...alice.headers, origin: ORIGIN } });
    expect(answer.headers).toMatchObject({ "access-control-allow-origin": ORIGIN });
    expect(answer.headers["access-control-expose-headers"]).toContain("Retry-After");
    const other = await app.inject(preflight("https://evil.example"));
    expect(other.headers["access-control-allow-origin"]).toBeUndefined();
    expect((await app.inject({ url: "/models", headers: { origin: ORIGIN } })).statusCode).toBe(401);
  });

  it("may read what is wrong with an address that is not there", async () => {
    const app = await open({ environment: { CORS_ORIGINS: ORIGIN } });
    for (const url of ["/images/generations", "/v1/v1/images/generations", "/nope", "/models/"]) {
      const answer = await app.inject({ method: "POST", url, headers: { origin: ORIGIN }, payload: {} });
      expect(answer.statusCode, url).toBe(404);
      expect(answer.headers["access-control-allow-origin"], url).toBe(ORIGIN);
    }
  });

  it("may show an image by its address where CORS_ORIGINS names any origin, and nothing else", async () => {
    const policies = async (environment: Record<string, string>) => {
      const app = await open({ environment });
      const payload = { class: "star" };
      const job = await app.inject({ method: "POST", url: "/generate", headers: { prefer: "wait=9" }, payload });
      const answers = [await app.inject({ url: `${job.headers["content-location"]}/images/0` }), job];
      return answers.map(({ headers }) => headers["cross-origin-resource-policy"]);
    };
    expect(await policies({ CORS_ORIGINS: ORIGIN })).toEqual(["cross-origin", "same-origin"]);
    expect(await policies({})).toEqual(["same-origin", "same-origin"]);
  });

  it("changes no other response: unknown paths stay 404, and OPTIONS without a preflight 405", async () => {
    const app = await open({ environment: { CORS_ORIGINS: ORIGIN }, deps: { keys: ringOf(alice) } });
    expect((await app.inject({ url: "/nowhere" })).json()).toMatchObject({ code: "not_found" });
    const options = await app.inject({ method: "OPTIONS", url: "/generate" });
    expect([options.statusCode, options.headers.allow]).toEqual([405, "POST"]);
  });
});

describe("every response", () => {
  it.each(["/", "/models", "/nowhere", "/docs/static/index.html"])(
    "of %s keeps to itself in a browser",
    async (url) => {
      const { headers } = await (await open()).inject({ url });
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
      });
      expect(headers["content-security-policy"]).toMatch(/^default-src '(none|self)'/);
      expect(headers).not.toHaveProperty("server");
      expect(headers).not.toHaveProperty("x-powered-by");
    },
  );

  it("of a route can't be framed and shares no window", async () => {
    expect((await (await open()).inject({ url: "/" })).headers).toMatchObject({
      "x-frame-options": "DENY",
      "cross-origin-opener-policy": "same-origin",
    });
  });
});

describe("a server without keys", () => {
  const statusFor = async (app: Awaited<ReturnType<typeof open>>, host: string) =>
    (await app.inject({ url: "/models", headers: { host } })).statusCode;

  it("on loopback serves loopback names only: a DNS name that points here gets nothing", async () => {
    const app = await open();
    for (const host of [
      "localhost",
      "localhost:8080",
      "127.0.0.1:8080",
      "127.0.0.2",
      "[::1]:8080",
      "a.localhost",
      "LOCALHOST.",
    ])
      expect(await statusFor(app, host), host).toBe(200);
    for (const host of [
      "evil.example",
      "evil.example:8080",
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "192.168.0.1",
    ])
      expect(await statusFor(app, host), host).toBe(421);
    expect((await app.inject({ url: "/health/live", headers: { host: "evil.example" } })).statusCode).toBe(200);
  });

  it("serves any name with ALLOW_ANONYMOUS or with API keys", async () => {
    expect(await statusFor(await open({ environment: { ALLOW_ANONYMOUS: "true" } }), "api.example.com")).toBe(200);
    const app = await open({ deps: { keys: ringOf(alice) } });
    const headers = { ...alice.headers, host: "api.example.com" };
    expect((await app.inject({ url: "/models", headers })).statusCode).toBe(200);
  });
});
