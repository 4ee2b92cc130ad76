import { afterEach, describe, expect, it } from "vitest";
import type { KeyRing } from "../../../src/api/access/key-ring.js";
import { exampleKey, ringOf } from "../access/example-keys.js";
import { exampleApi } from "../example-api.js";

const alice = exampleKey("alice");
const bob = exampleKey("bob");

let api: Awaited<ReturnType<typeof exampleApi>>;
afterEach(() => api.close());

/** The addresses of two images that alice's key, or no key, asked for. */
async function links(keys?: KeyRing, environment: Record<string, string> = {}): Promise<string[]> {
  api = await exampleApi({ deps: { keys }, environment });
  const payload = { prompt: "star", n: 2, response_format: "url", seed: 5 };
  const headers = keys ? alice.headers : {};
  const answer = await api.app.inject({ method: "POST", url: "/v1/images/generations", headers, payload });
  const addresses: URL[] = answer.json().data.map(({ url }: { url: string }) => new URL(url));
  return addresses.map(({ pathname, search }) => pathname + search);
}
const get = (url: string) => api.app.inject({ url });

describe("an image's address with response_format url", () => {
  it("opens by itself on a server with API keys, in the place of which it is signed", async () => {
    const [first, second] = await links(ringOf(alice, bob));
    expect(first).toMatch(/^\/jobs\/[^/]+\/images\/0\/image\.png\?signature=[A-Za-z0-9_-]{43}$/);
    for (const [index, url] of [first!, second!].entries()) {
      const { headers, rawPayload } = await get(url);
      expect(headers["content-type"]).toBe("image/png");
      expect([...rawPayload]).toEqual([5, index]);
      expect((await api.app.inject({ url, headers: { "if-none-match": headers.etag } })).statusCode).toBe(304);
    }
  });

  it("opens nothing else: a changed or missing signature finds no job", async () => {
    const [first, second] = (await links(ringOf(alice, bob))).map((url) => new URL(url, "http://localhost"));
    const signature = first!.searchParams.get("signature")!;
    const changed = `${signature.slice(0, -2)}${signature.endsWith("AA") ? "BB" : "AA"}`;
    for (const query of ["", "?signature=", `?signature=${changed}`, second!.search]) {
      expect((await get(first!.pathname + query)).json(), query).toMatchObject({ code: "job_not_found" });
    }
    const job = first!.pathname.replace(/\/images.*/, "");
    for (const path of [job, `${job}/images/0`, `${job}/events`]) {
      expect((await get(path + first!.search)).statusCode, path).toBe(401);
    }
    expect((await get(`${job}/images/7/image.png${first!.search}`)).statusCode).toBe(404);
  });

  it("ends with the key that asked for it", async () => {
    const keys = ringOf(alice, bob);
    const [first] = await links(keys);
    keys.replace([bob.entry]);
    expect((await get(first!)).json()).toMatchObject({ code: "job_not_found" });
  });

  it("ends with the image", async () => {
    const [first] = await links(ringOf(alice, bob), { RESULT_TTL_S: "1" });
    await expect.poll(async () => (await get(first!)).statusCode).toBe(410);
  });

  it("needs no signature on a server without keys", async () => {
    const [first] = await links();
    expect(first).toMatch(/^\/jobs\/[^/]+\/images\/0\/image\.png$/);
    expect((await get(first!)).headers["content-type"]).toBe("image/png");
    expect((await api.app.inject({ url: first!, headers: { host: "evil.example" } })).statusCode).toBe(421);
  });
});
