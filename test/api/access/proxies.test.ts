import { afterEach, describe, expect, it } from "vitest";
import { openLogger } from "../../../src/telemetry/logging.js";
import { type ExampleApiOptions, exampleApi } from "../example-api.js";
import { exampleKey, ringOf } from "./example-keys.js";

const PROXY = "10.0.0.7";
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

/** A server whose requests are logged; `call` connects from an address, with headers of its choice. */
async function open(environment: Record<string, string>, options: ExampleApiOptions = {}) {
  const lines: { msg: string; req?: { remoteAddress: string } }[] = [];
  const logger = openLogger("info", { write: (line) => lines.push(JSON.parse(String(line))) });
  const api = await exampleApi({ ...options, environment, deps: { ...options.deps, logger } });
  opened.push(api);
  const call = (remoteAddress: string, headers: Record<string, string>) =>
    api.app.inject({ url: "/models", remoteAddress, headers });
  const image = (remoteAddress: string, headers: Record<string, string>) =>
    api.app.inject({
      method: "POST",
      url: "/v1/images/generations",
      remoteAddress,
      headers,
      payload: { prompt: "star", response_format: "url" },
    });
  const seen = () => lines.filter(({ msg }) => msg === "incoming request").map(({ req }) => req?.remoteAddress);
  return { call, image, seen };
}

const forwarded = (client: string) => ({
  "x-forwarded-for": client,
  "x-forwarded-proto": "https",
  "x-forwarded-host": "pictures.example",
});

describe("X-Forwarded-*", () => {
  it.each([
    ["without TRUST_PROXY", {}, PROXY],
    ["past the proxies that TRUST_PROXY names", { TRUST_PROXY: "10.0.0.7, ::1" }, "203.0.113.9"],
  ])("says nothing %s: not in the log, not in addresses", async (_, environment, from) => {
    const { image, seen } = await open({ ...environment, ALLOW_ANONYMOUS: "true" });
    const answer = await image(from, { ...forwarded("198.51.100.1"), host: "marimba.internal:8080" });
    expect(answer.json().data[0].url).toMatch(/^http:\/\/marimba\.internal:8080\/jobs\//);
    expect(seen()).toEqual([from]);
  });

  it("of a proxy in TRUST_PROXY decide the client and the host, whatever the client wrote into them", async () => {
    const { image, seen } = await open({ TRUST_PROXY: "10.0.0.0/8", ALLOW_ANONYMOUS: "true" });
    const answer = await image(PROXY, forwarded("127.0.0.1, 198.51.100.1, 10.0.0.8"));
    expect(answer.json().data[0].url).toMatch(/^https:\/\/pictures\.example\/jobs\//);
    expect(seen()).toEqual(["198.51.100.1"]);
  });

  it("makes no address of another protocol", async () => {
    const { image } = await open({ TRUST_PROXY: PROXY, ALLOW_ANONYMOUS: "true" });
    const answer = await image(PROXY, { ...forwarded("198.51.100.1"), "x-forwarded-proto": "javascript" });
    expect(answer.json().data[0].url).toMatch(/^http:\/\/pictures\.example\/jobs\//);
  });

  it("counts the failures of a proxy's clients separately, and gives direct connections no other address", async () => {
    const options = { limits: { authFailuresPerMinute: 1 }, deps: { keys: ringOf(exampleKey("alice")) } };
    const { call } = await open({ TRUST_PROXY: PROXY }, options);
    const status = async (from: string, client: string) => (await call(from, forwarded(client))).statusCode;
    expect([await status(PROXY, "198.51.100.1"), await status(PROXY, "198.51.100.2")]).toEqual([401, 401]);
    expect(await status(PROXY, "198.51.100.1")).toBe(429);
    expect([await status("203.0.113.9", "198.51.100.3"), await status("203.0.113.9", "198.51.100.4")]).toEqual([
      401, 429,
    ]);
  });

  it("does not let a page with a DNS name that points here pass as this machine", async () => {
    const { call } = await open({ TRUST_PROXY: "loopback" });
    const headers = { host: "evil.example", "x-forwarded-host": "localhost" };
    expect((await call("127.0.0.1", headers)).statusCode).toBe(421);
  });
});
