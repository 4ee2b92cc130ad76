import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { sum } from "../telemetry/exposition.js";
import { launchChromium, newContext } from "./chromium.js";
import { usePlayground } from "./playground.js";
import { cancelButton, generateButton, imageCount, imageOf, note, seedBox } from "./visitor.js";

const service = usePlayground({ MAX_BATCH: "2" });
const TABS = 7;

/** Event streams, as the server counts them. */
async function openStreams(): Promise<number> {
  return sum(await (await fetch(`${service.address}/metrics`)).text(), "marimba_event_streams");
}

/** Starts a run that waits for the engine. */
async function startRun(page: Page, seed: number): Promise<void> {
  await page.goto(service.address);
  await generateButton(page).waitFor();
  await page.getByRole("radio", { name: "fast" }).check();
  await seedBox(page).fill(String(seed));
  await generateButton(page).click();
  await page.getByText(/Waiting: \d+ images? ahead/).waitFor();
}

describe("more tabs with runs than a browser has connections to a server", () => {
  it("each load, follow their job, and cancel it", { timeout: 180_000 }, async () => {
    const letGo = await service.occupyEngine();
    const { page: first } = await service.visit();
    const pages = [first];
    while (pages.length < TABS) pages.push(await first.context().newPage());
    for (const [seed, page] of pages.entries()) await startRun(page, seed);
    expect(await openStreams()).toBe(3);
    await cancelButton(first).click();
    await note(first).filter({ hasText: "Cancelled." }).waitFor();
    await pages[1]!.close();
    // Those that polled take the places of the two that are gone.
    await expect.poll(openStreams).toBe(3);
    await letGo();
    for (const [seed, page] of pages.entries()) if (seed > 1) await imageOf(page, "star", seed);
  });
});

describe("Back", () => {
  it.each([
    ["as the browser kept it", ["--disable-back-forward-cache"]],
    ["loaded again", []],
  ])("returns to a page, %s, that goes on with its job", async (_, ignoreDefaultArgs) => {
    const browser = await launchChromium({ ignoreDefaultArgs }, true);
    try {
      const page = await (await newContext(browser)).newPage();
      await page.goto(service.address);
      await imageCount(page).fill("2");
      await page.getByRole("radio", { name: "exact" }).check();
      await seedBox(page).fill("21");
      await generateButton(page).click();
      await page.locator(".tile img[src^='data:']").first().waitFor();
      await page.evaluate("window.wasKept = true");
      await page.getByRole("link", { name: "API", exact: true }).click();
      await page.waitForURL("**/docs/");
      await page.goBack({ waitUntil: "commit" });
      await imageOf(page, "star", 21);
      expect(await page.evaluate("window.wasKept === true")).toBe(ignoreDefaultArgs.length > 0);
    } finally {
      await browser.close();
    }
  });
});
