import type { Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MarimbaClient } from "../../openapi/client/src/index.js";
import { usePlayground } from "../browser/playground.js";
import { banner, generateButton, imageCount, imageOf, seedBox } from "../browser/visitor.js";
import { generate } from "../commands/marimba.js";
import { FaultyProxy } from "../topology/faulty-proxy.js";
import { HANGING_MS } from "./ground.js";
import { note } from "./tally.js";

/** `npm run test:chaos` waits as long as a user does; the short form lets the page's clock jump, as when a machine sleeps. */
const isLong = process.env.CHAOS === "long";
const ROUNDS = Array.from({ length: isLong ? 20 : 2 }, (_, round) => round);
/** Above the silence that page and client accept. */
const JUMP_MS = 30_000;
const IMAGES = 2;

const service = usePlayground();
let proxy: FaultyProxy;
beforeEach(() => {
  proxy = new FaultyProxy(service.address);
});
afterEach(() => proxy.close());

/** Asks for images in the page and freezes its connections: before the request, or while the images emerge. */
async function generateAndFreeze(page: Page, seed: number): Promise<void> {
  await imageCount(page).fill(String(IMAGES));
  await page.getByRole("radio", { name: "exact" }).check();
  await seedBox(page).fill(String(seed));
  if (seed % 2 === 0) proxy.freeze();
  await generateButton(page).click();
  if (seed % 2 === 0) return;
  await page.locator(".tile img[src^='data:']").first().waitFor();
  proxy.freeze();
}

describe("a proxy that freezes connections without closing them", { timeout: HANGING_MS }, () => {
  it.each(ROUNDS)("keeps no image from the page: round %i", async (round) => {
    const { page, requests } = await service.browser.open(await proxy.address());
    if (isLong) {
      page.setDefaultTimeout(HANGING_MS);
    } else {
      await page.clock.install();
      await page.reload();
    }
    await generateButton(page).waitFor();
    // A connection that is still being opened would not be frozen.
    await page.waitForLoadState("networkidle");
    await generateAndFreeze(page, round);
    const startMs = performance.now();
    if (!isLong) await page.clock.fastForward(JUMP_MS);
    await banner(page).filter({ hasText: "The server does not respond. Reconnecting …" }).waitFor();
    await imageOf(page, "star", round);
    console.log(`round ${round}: ${((performance.now() - startMs) / 1000).toFixed(1)} s from the freeze to the images`);
    expect(await page.locator("#tiles").getByRole("img").count()).toBe(IMAGES);
    expect(requests.filter((request) => request.startsWith("POST"))).toHaveLength(round % 2 === 0 ? 2 : 1);
    note({ accepted: 1, completed: 1, lost: 0, images: IMAGES, differing: 0 });
  });

  it.each(ROUNDS)("keeps no event and no image from the TypeScript client: round %i", async (round) => {
    const marimba = new MarimbaClient({ baseUrl: await proxy.address(), ...(!isLong && { silenceMs: 2000 }) });
    const before = await acceptedJobs();
    const { id } = await marimba.submit({ class: "boat", seed: round, preset: "exact", num_images: IMAGES });
    const generation = marimba.generate({ class: "boat", seed: round });
    const steps: number[] = [];
    const states: string[] = [];
    let frozenMs = 0;
    for await (const event of marimba.events(id)) {
      if (event.type === "progress") steps.push(event.progress.step);
      else states.push(event.type);
      if (frozenMs > 0 || steps.length === 0) continue;
      frozenMs = performance.now();
      proxy.freeze();
    }
    const eventsMs = performance.now() - frozenMs;
    expect(states.at(-1)).toBe("completed");
    expect(states).toEqual([...new Set(states)]);
    expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
    const { images } = await generation;
    const imageMs = performance.now() - frozenMs;
    const expected = await generate(service.address, { class: "boat", seed: round });
    expect(Buffer.from(images[0].bytes)).toEqual(Buffer.from(await expected.arrayBuffer()));
    expect(await acceptedJobs()).toBe(before + 3);
    const seconds = [eventsMs, imageMs].map((ms) => (ms / 1000).toFixed(1));
    console.log(`round ${round}: ${seconds[0]} s from the freeze to the final event, ${seconds[1]} s to the image`);
    note({ accepted: 2, completed: 2, lost: 0, images: IMAGES + 1, differing: 0 });
  });
});

async function acceptedJobs(): Promise<number> {
  const { models } = (await (await fetch(`${service.address}/admin/queue`)).json()) as {
    models: { totals: { accepted: number } }[];
  };
  return models.reduce((sum, { totals }) => sum + totals.accepted, 0);
}
