import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { exampleKey } from "../api/access/example-keys.js";
import { usePlayground } from "./playground.js";
import { dialog, gallery, generateButton, pictureOf, seedBox, useBrowser } from "./visitor.js";

const holder = exampleKey("holder");
const stranger = exampleKey("stranger");
const service = usePlayground({ API_KEYS: holder.line });
const browser = useBrowser();

const storedIn = (page: Page, storage: string) => page.evaluate(`JSON.stringify({ ...${storage} })`);

async function giveKey(page: Page, key: string, onDevice = false): Promise<void> {
  await dialog(page).getByRole("textbox", { name: "Key" }).fill(key);
  await dialog(page).getByRole("checkbox").setChecked(onDevice);
  await dialog(page).getByRole("button", { name: "Use it" }).click();
}

describe("a server with keys", () => {
  it("has the page ask for one, which it sends with every request and keeps until the tab closes", async () => {
    const { page } = await browser.open(service.address);
    const sent: string[] = [];
    page.on("request", async (request) => {
      const { pathname } = new URL(request.url());
      if (/^\/(models|generate|jobs)/.test(pathname)) sent.push((await request.headerValue("authorization")) ?? "none");
    });
    await giveKey(page, holder.key);
    await generateButton(page).waitFor();
    await seedBox(page).fill("7");
    await generateButton(page).click();
    await pictureOf(page, "star", 7);
    const first = sent.findIndex((header) => header !== "none");
    expect(sent.length - first).toBeGreaterThan(4);
    expect(new Set(sent.slice(first))).toEqual(new Set([`Bearer ${holder.key}`]));
    expect(await storedIn(page, "sessionStorage")).toContain(holder.key);
    expect(await storedIn(page, "localStorage")).not.toContain(holder.key);
    await page.reload();
    await generateButton(page).waitFor();
    expect(await dialog(page).count()).toBe(0);

    // A program gets the key from its environment: what is copied is often pasted where others read it.
    await gallery(page).getByRole("img").first().click();
    const code = dialog(page).getByRole("tabpanel");
    for (const tab of ["curl", "TypeScript", "Python"]) {
      await dialog(page).getByRole("tab", { name: tab }).click();
      expect(await code.textContent()).toContain("MARIMBA_API_KEY");
      expect(await code.textContent()).not.toContain(holder.key);
    }
  });

  it("keeps it on the device if so asked, until it is told to forget it", async () => {
    const { page } = await browser.open(service.address);
    await giveKey(page, holder.key, true);
    await generateButton(page).waitFor();
    expect(await storedIn(page, "localStorage")).toContain(holder.key);
    expect(await storedIn(page, "sessionStorage")).not.toContain(holder.key);
    const other = await page.context().newPage();
    await other.goto(service.address);
    await generateButton(other).waitFor();
    await page.getByRole("button", { name: "API key" }).click();
    await dialog(page).getByRole("button", { name: "Forget it" }).click();
    expect(await storedIn(page, "localStorage")).not.toContain(holder.key);
    await page.reload();
    await dialog(page).getByRole("textbox", { name: "Key" }).waitFor();
  });

  it("refuses a wrong one, and the page says so and asks again", async () => {
    const { page } = await browser.open(service.address);
    await giveKey(page, stranger.key);
    await dialog(page).getByRole("alert").filter({ hasText: "The key is not valid here" }).waitFor();
    await giveKey(page, holder.key);
    await generateButton(page).waitFor();
  });

  it("shows nothing to who gives none, and says why", async () => {
    const { page } = await browser.open(service.address);
    await dialog(page).getByRole("button", { name: "Not now" }).click();
    await page.getByText("Send an API key as").first().waitFor();
    expect(await generateButton(page).count()).toBe(0);
    await page.getByRole("button", { name: "Try again" }).click();
    await giveKey(page, holder.key);
    await generateButton(page).waitFor();
  });
});
