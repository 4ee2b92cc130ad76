import { afterEach, describe, expect, it } from "vitest";
import { exampleApi, holdingHandler } from "../example-api.js";
import { exampleKey, ringOf } from "./example-keys.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function open() {
  const slow = exampleKey("slow", { imagesPerMinute: 5 });
  const narrow = exampleKey("narrow", { concurrentImages: 2, imagesPerMinute: 100 });
  const free = exampleKey("free");
  const { handler, held } = holdingHandler();
  const api = await exampleApi({ handler, deps: { keys: ringOf(slow, narrow, free) } });
  opened.push(api);
  const ask = (key: typeof slow, num_images = 1) => api.post({ class: 0, num_images }, key.headers);
  return { ...api, held, ask, slow, narrow, free };
}

describe("a key's limits", () => {
  it("are stated in every response, in images", async () => {
    const { ask, slow, narrow, free } = await open();
    const { headers } = await ask(slow, 3);
    expect(headers["ratelimit-policy"]).toBe('"images-per-minute";q=5;w=60;qu="images"');
    expect(headers.ratelimit).toMatch(/^"images-per-minute";r=2;t=(60|61)$/);
    const both = (await ask(narrow, 2)).headers;
    expect(both["ratelimit-policy"]).toBe(
      '"images-per-minute";q=100;w=60;qu="images", "concurrent-images";q=2;qu="images"',
    );
    expect(both.ratelimit).toMatch(/^"images-per-minute";r=98;t=\d+, "concurrent-images";r=0$/);
    expect((await ask(free)).headers).not.toHaveProperty("ratelimit");
  });

  it("refuse what goes beyond the minute's images with 429 and Retry-After", async () => {
    const { ask, slow } = await open();
    expect((await ask(slow, 4)).statusCode).toBe(202);
    const refused = await ask(slow, 2);
    expect(refused.json()).toMatchObject({ code: "images_per_minute_exceeded", status: 429 });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(55);
    expect(refused.headers.ratelimit).toMatch(/^"images-per-minute";r=1;t=/);
    expect((await ask(slow)).statusCode).toBe(202);
  });

  it("are stated by the OpenAI routes as well", async () => {
    const { app, ask, slow } = await open();
    expect((await ask(slow, 5)).statusCode).toBe(202);
    const payload = { prompt: "star" };
    const refused = await app.inject({
      method: "POST",
      url: "/v1/images/generations",
      headers: slow.headers,
      payload,
    });
    expect(refused.statusCode).toBe(429);
    expect(refused.headers.ratelimit).toMatch(/^"images-per-minute";r=0;t=/);
    expect(refused.headers["ratelimit-policy"]).toBe('"images-per-minute";q=5;w=60;qu="images"');
  });

  it("refuse more images in the making until some are done", async () => {
    const { ask, narrow, held } = await open();
    expect((await ask(narrow, 2)).statusCode).toBe(202);
    const refused = await ask(narrow);
    expect(refused.json()).toMatchObject({ code: "concurrent_images_exceeded", status: 429 });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    held[0]!.complete();
    await expect.poll(async () => (await ask(narrow)).statusCode).toBe(202);
  });

  it("make a request that could never fit a 400, with the field and the bound", async () => {
    const { ask, narrow, slow } = await open();
    for (const [key, most] of [
      [narrow, 2],
      [slow, 5],
    ] as const) {
      const answer = await ask(key, most + 1);
      expect(answer.json()).toMatchObject({
        code: "invalid_request",
        errors: [{ pointer: "/num_images", message: `must be at most ${most} with this API key` }],
      });
      expect(answer.headers["ratelimit-policy"]).toContain(`q=${most};`);
      expect(answer.headers).not.toHaveProperty("ratelimit");
    }
  });

  it("belong to one key only", async () => {
    const { ask, slow, free } = await open();
    expect((await ask(slow, 5)).statusCode).toBe(202);
    expect((await ask(slow)).statusCode).toBe(429);
    for (let i = 0; i < 10; i++) expect((await ask(free)).statusCode).toBe(202);
  });
});
