import fastify from "fastify";
import { describe, expect, it } from "vitest";
import { ADMIN, authenticate } from "../../../src/api/access/authentication.js";
import type { KeyRing } from "../../../src/api/access/key-ring.js";
import type { Api } from "../../../src/api/deps.js";
import { DEFAULT_LIMITS } from "../../../src/api/http/limits.js";
import { sendProblem } from "../../../src/api/http/problem-document.js";
import { loadConfig } from "../../../src/config.js";
import { exampleKey, ringOf } from "./example-keys.js";

const user = exampleKey("user");
const operator = exampleKey("operator", { isAdmin: true });

const basic = (key: string, name = "operator") => ({
  authorization: `Basic ${Buffer.from(`${name}:${key}`).toString("base64")}`,
});

/** A server with one operator's route, behind nothing but the check. */
async function open(keys: KeyRing | undefined, environment: Record<string, string> = {}) {
  const config = loadConfig(environment);
  const { trustProxy } = config;
  const app = fastify({ trustProxy: trustProxy.length > 0 && [...trustProxy] }) as unknown as Api;
  app.setErrorHandler(sendProblem);
  await authenticate(app, { keys, config }, DEFAULT_LIMITS);
  for (const method of ["GET", "POST"] as const)
    app.route({ method, url: "/queues", config: ADMIN, handler: (request) => request.caller?.name ?? "anybody" });
  return (headers: Record<string, string> = {}, method: "GET" | "POST" = "GET", remoteAddress = "127.0.0.1") =>
    app.inject({ method, url: "/queues", headers, remoteAddress });
}

describe("an operator's route", () => {
  it("is 401 without a key, 403 with a user's key, and open with an admin's key", async () => {
    const ask = await open(ringOf(user, operator));
    expect((await ask()).statusCode).toBe(401);
    const refused = await ask(user.headers);
    expect([refused.statusCode, refused.json().code]).toEqual([403, "forbidden"]);
    expect((await ask(operator.headers)).body).toBe("operator");
  });

  it("makes a browser ask for the key, and accepts it as a password", async () => {
    const ask = await open(ringOf(user, operator));
    expect((await ask()).headers["www-authenticate"]).toEqual(['Basic realm="marimba"', 'Bearer realm="marimba"']);
    expect((await ask(basic(operator.key))).body).toBe("operator");
    expect((await ask(basic(operator.key, ""))).body).toBe("operator");
    expect((await ask(basic(user.key))).statusCode).toBe(403);
    expect((await ask(basic("wrong"))).statusCode).toBe(401);
  });

  it("changes nothing for a browser that another site sent", async () => {
    const ask = await open(ringOf(operator));
    for (const site of ["cross-site", "same-site", "none"])
      expect((await ask({ ...basic(operator.key), "sec-fetch-site": site }, "POST")).statusCode, site).toBe(401);
    expect((await ask(basic(operator.key), "POST")).statusCode).toBe(401);
    expect((await ask({ ...basic(operator.key), "sec-fetch-site": "same-origin" }, "POST")).body).toBe("operator");
    expect((await ask({ ...operator.headers, "sec-fetch-site": "cross-site" }, "POST")).body).toBe("operator");
  });

  it("of a server without keys is open on loopback only", async () => {
    expect((await (await open(undefined))()).body).toBe("anybody");
    const refused = await (await open(undefined, { HOST: "0.0.0.0" }))();
    expect([refused.statusCode, refused.json().code]).toEqual([403, "forbidden"]);
  });

  const TRUSTING = { TRUST_PROXY: "loopback" };
  const ANYBODY = { ALLOW_ANONYMOUS: "true" };
  it.each([
    ["a trusted proxy's client", TRUSTING, { "x-forwarded-for": "8.8.8.8" }],
    ["such a client that claims to be here", TRUSTING, { "x-forwarded-for": "127.0.0.1, 8.8.8.8" }],
    ["a name of another machine that a proxy was asked for", TRUSTING, { "x-forwarded-host": "pictures.example" }],
    [
      "such a name, asked for from here",
      TRUSTING,
      { "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "pictures.example" },
    ],
    ["a proxy that only says Forwarded", TRUSTING, { forwarded: "for=8.8.8.8", "x-forwarded-for": "127.0.0.1" }],
    ["a proxy that nobody named", {}, { "x-forwarded-for": "8.8.8.8" }],
    ["such a proxy that names this machine", {}, { "x-forwarded-for": "127.0.0.1" }],
    ["a proxy's Forwarded", {}, { forwarded: "for=8.8.8.8" }],
    ["a proxy's X-Real-IP", {}, { "x-real-ip": "8.8.8.8" }],
    ["a proxy's Via", {}, { via: "1.1 proxy" }],
    ["another machine's name", {}, { host: "pictures.example" }],
  ])("of a server without keys is 403 for %s", async (_, environment, headers) => {
    const refused = await (await open(undefined, { ...environment, ...ANYBODY }))(headers);
    expect([refused.statusCode, refused.json().code]).toEqual([403, "forbidden"]);
    expect((await (await open(undefined, environment))(headers)).statusCode).toBeGreaterThanOrEqual(400);
  });

  it("of a server without keys is open to its own machine, also through a trusted proxy", async () => {
    const ask = await open(undefined, { ...TRUSTING, ...ANYBODY });
    for (const headers of [{}, { host: "localhost:8080" }, { "x-forwarded-for": "127.0.0.1" }])
      expect((await ask(headers as Record<string, string>)).body).toBe("anybody");
    for (const address of ["::1", "::ffff:127.0.0.1"]) expect((await ask({}, "GET", address)).body).toBe("anybody");
    expect((await ask({}, "GET", "192.0.2.1")).statusCode).toBe(403);
  });
});
