import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type OpenAI from "openai";
import type { Page } from "playwright-core";
import { build } from "rolldown";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runningService } from "../client/running-service.js";
import { useBrowser } from "./visitor.js";

const PACKAGE = join(import.meta.dirname, "../../node_modules/openai/index.mjs");

const SHOP =
  '<!doctype html><title>Shop</title><script type="module">import { OpenAI } from "/openai.js"; window.OpenAI = OpenAI;</script>';

/** OpenAI's package from npm as one module, as web pages load it: a busy machine takes long to load each of its files. */
async function bundledPackage(): Promise<string> {
  const { output } = await build({ input: PACKAGE, platform: "browser", write: false, logLevel: "warn" });
  return output[0].code;
}

/** Another site: a page that loads OpenAI's package. */
async function startSite(code: string): Promise<{ site: Server; origin: string }> {
  const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
    "/index.html": ["text/html", SHOP],
    "/openai.js": ["text/javascript", code],
  };
  const site = createServer(({ url }, response) => {
    const [type, content] = files[url!] ?? [];
    response.writeHead(type ? 200 : 404, { "content-type": type ?? "text/plain" }).end(content);
  });
  await once(site.listen(0, "127.0.0.1"), "listening");
  return { site, origin: `http://localhost:${(site.address() as AddressInfo).port}` };
}

const browser = useBrowser();
async function visit(origin: string): Promise<Page> {
  const { page } = await browser.open(`${origin}/index.html`);
  await page.waitForFunction("window.OpenAI");
  return page;
}
let shop: Awaited<ReturnType<typeof startSite>>;
let stranger: Awaited<ReturnType<typeof startSite>>;
let service: Awaited<ReturnType<typeof runningService>>;
beforeAll(async () => {
  const code = await bundledPackage();
  [shop, stranger] = await Promise.all([startSite(code), startSite(code)]);
  service = await runningService({ CORS_ORIGINS: shop.origin, API_KEYS: "" });
});
afterAll(async () => {
  await service?.stop();
  for (const { site } of [shop, stranger]) site.close();
});

const QUICK = { prompt: "boat", seed: 7, steps: 8, diffusion_steps: 10 };

/** What OpenAI's client returns inside the page: the images, or the events of a stream. */
function generateIn(page: Page, stream: boolean): Promise<{ type?: string; b64_json: string }[]> {
  const call = { baseURL: `${service.address}/v1`, body: QUICK, stream };
  return page.evaluate(async ({ baseURL, body, stream }) => {
    const { OpenAI: Client } = globalThis as unknown as { OpenAI: typeof OpenAI };
    const client = new Client({ baseURL, apiKey: "none", dangerouslyAllowBrowser: true, maxRetries: 0 });
    if (!stream) return (await client.images.generate(body)).data as { b64_json: string }[];
    const events: { type: string; b64_json: string }[] = [];
    for await (const event of await client.images.generate({ ...body, stream })) events.push(event);
    return events;
  }, call);
}

/** Whether a plain `<img>` of the page shows the image at this address. */
async function shows(page: Page, address: string): Promise<boolean> {
  await page.setContent(`<img src="${address}">`);
  return (await page.locator("img").evaluate<number, { naturalWidth: number }>((image) => image.naturalWidth)) > 0;
}

describe("a page of an origin in CORS_ORIGINS", () => {
  it("uses OpenAI's client, which sends headers of its own: plain and streamed", async () => {
    const page = await visit(shop.origin);
    const expected = (await service.image({ class: "boat", seed: 7, steps: 8, diffusion_steps: 10 })).toString(
      "base64",
    );
    expect((await generateIn(page, false)).map(({ b64_json }) => b64_json)).toEqual([expected]);
    const events = await generateIn(page, true);
    expect(events.at(-1)).toMatchObject({ type: "image_generation.completed", b64_json: expected });
  });

  it("shows an image by its address, without the attribute crossorigin", async () => {
    const page = await visit(shop.origin);
    const answer = await fetch(`${service.address}/v1/images/generations`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...QUICK, response_format: "url" }),
    });
    const { data } = (await answer.json()) as { data: [{ url: string }] };
    expect(await shows(page, data[0].url)).toBe(true);
  });
});

it("a page of any other origin can call nothing", async () => {
  const page = await visit(stranger.origin);
  await expect(generateIn(page, false)).rejects.toThrow("Connection error");
});
