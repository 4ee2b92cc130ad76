import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { exampleKey } from "../api/access/example-keys.js";
import { usePlayground } from "./playground.js";
import { dialog, gallery, generateButton, imageCount, imageOf, problem, seedBox } from "./visitor.js";

const holder = exampleKey("holder");
const other = exampleKey("other");
const stranger = exampleKey("stranger");
const service = usePlayground({ API_KEYS: `${holder.line};${other.line}` });

const storedIn = (page: Page, storage: string) => page.evaluate(`JSON.stringify({ ...${storage} })`);

async function giveKey(page: Page, key: string, onDevice = false): Promise<void> {
  await dialog(page).getByRole("textbox", { name: "Key" }).fill(key);
  await dialog(page).getByRole("checkbox").setChecked(onDevice);
  await dialog(page).getByRole("button", { name: "Use key" }).click();
}

describe("a server with keys", () => {
  it("makes the page ask for one, send it with every request, and keep it until the tab closes", async () => {
    const { page } = await service.open();
    const sent: string[] = [];
    page.on("request", async (request) => {
      const { pathname } = new URL(request.url());
      if (/^\/(models|generate|jobs)/.test(pathname)) sent.push((await request.headerValue("authorization")) ?? "none");
    });
    await giveKey(page, holder.key);
    await generateButton(page).waitFor();
    await seedBox(page).fill("7");
    await generateButton(page).click();
    await imageOf(page, "star", 7);
    const withKey = () => sent.slice(sent.findIndex((header) => header !== "none"));
    await expect.poll(() => withKey().length).toBeGreaterThan(4);
    expect(new Set(withKey())).toEqual(new Set([`Bearer ${holder.key}`]));
    expect(await storedIn(page, "sessionStorage")).toContain(holder.key);
    expect(await storedIn(page, "localStorage")).not.toContain(holder.key);
    await page.reload();
    await generateButton(page).waitFor();
    expect(await dialog(page).count()).toBe(0);

    // A program reads the key from its environment, because copied text is often pasted where others read it.
    await gallery(page).getByRole("img").first().click();
    const code = dialog(page).getByRole("tabpanel");
    for (const tab of ["curl", "TypeScript", "Python"]) {
      await dialog(page).getByRole("tab", { name: tab }).click();
      expect(await code.textContent()).toContain("MARIMBA_API_KEY");
      expect(await code.textContent()).not.toContain(holder.key);
    }
  });

  it("keeps it on the device if the user chooses so, until the user has it forgotten", async () => {
    const { page } = await service.open();
    await giveKey(page, holder.key, true);
    await generateButton(page).waitFor();
    expect(await storedIn(page, "localStorage")).toContain(holder.key);
    expect(await storedIn(page, "sessionStorage")).not.toContain(holder.key);
    const second = await page.context().newPage();
    await second.goto(service.address);
    await generateButton(second).waitFor();
    await page.getByRole("button", { name: "API key" }).click();
    await dialog(page).getByRole("button", { name: "Forget key" }).click();
    // The browser reports a closed dialog a little later.
    await expect.poll(() => storedIn(page, "localStorage")).not.toContain(holder.key);
    await page.reload();
    await dialog(page).getByRole("textbox", { name: "Key" }).waitFor();
  });

  it("refuses a wrong one, and the page reports that and asks again", async () => {
    const { page } = await service.open();
    const error = dialog(page).getByRole("alert");
    await dialog(page).getByRole("heading", { name: "Enter your API key" }).waitFor();
    expect(await error.count()).toBe(0);
    for (const [key, sentence] of [
      ["", "Enter a key"],
      ["  ", "Enter a key"],
      ["ключ", "A key consists"],
    ] as const) {
      await giveKey(page, key);
      await error.filter({ hasText: sentence }).waitFor();
    }
    await giveKey(page, stranger.key);
    await error.filter({ hasText: "This server does not accept the key" }).waitFor();
    await giveKey(page, holder.key);
    await generateButton(page).waitFor();
  });

  it("shows nothing without a key, and says why", async () => {
    const { page } = await service.open();
    await dialog(page).getByRole("button", { name: "Not now" }).click();
    await page.getByText("This server requires an API key.").waitFor();
    expect(await generateButton(page).count()).toBe(0);
    await page.getByRole("button", { name: "Enter a key" }).click();
    await giveKey(page, holder.key);
    await generateButton(page).waitFor();
  });
});

/** Values that the page keeps until the tab closes: `key`, and `work` under way. */
const stored = (page: Page, name: string) => page.evaluate<string | null>(`sessionStorage.getItem("marimba.${name}")`);
const store = (page: Page, name: string, text: string) =>
  page.evaluate(`sessionStorage.setItem("marimba.${name}", ${JSON.stringify(text)})`);

/** Opens the page with the holder's key; `posts` are the submitted requests. */
async function visitWithKey() {
  const visit = await service.open();
  await giveKey(visit.page, holder.key);
  await generateButton(visit.page).waitFor();
  const posts = () => visit.requests.filter((request) => request.startsWith("POST"));
  return { ...visit, posts };
}

/** Submits a job and holds back its events until the page is reloaded. */
async function beginAndHold(page: Page, seed: number): Promise<void> {
  await page.route("**/jobs/*/events?*", () => {});
  await imageCount(page).fill("2");
  await page.getByRole("radio", { name: "balanced" }).check();
  await seedBox(page).fill(String(seed));
  await generateButton(page).click();
  await expect.poll(() => stored(page, "work")).toContain("/jobs/");
}

async function reload(page: Page): Promise<void> {
  await page.unrouteAll();
  await page.reload();
}

describe("a reloaded page", () => {
  it("resumes its job", async () => {
    const { page, posts } = await visitWithKey();
    await beginAndHold(page, 31);
    await reload(page);
    await imageOf(page, "star", 31);
    expect(posts()).toHaveLength(1);
    await expect.poll(() => gallery(page).getByRole("img").count()).toBe(2);
    expect(await stored(page, "work")).toBeNull();
    await page.reload();
    await expect.poll(() => gallery(page).getByRole("img").count()).toBe(2);
  });

  it("resumes a comparison", async () => {
    const { page, posts } = await visitWithKey();
    await page.getByRole("radio", { name: "Compare" }).check();
    await page.getByLabel("Parameter to vary").selectOption("Preset");
    await page.getByLabel("Values").fill("balanced, fast, exact");
    let streams = 0;
    await page.route("**/jobs/*/events?*", (route) => (++streams === 1 ? route.continue() : undefined));
    await generateButton(page).click();
    await expect.poll(() => posts().length).toBe(2);
    await expect.poll(async () => JSON.parse((await stored(page, "work"))!).jobs.length).toBe(2);
    await reload(page);
    await page.locator("#verdict").waitFor();
    expect(await page.getByRole("radio", { name: "Compare" }).isChecked()).toBe(true);
    const headings = page.locator("#compare .cell.done").getByRole("heading");
    expect(await headings.allTextContents()).toEqual(["Preset balanced", "Preset fast", "Preset exact"]);
    expect(posts()).toHaveLength(3);
    expect(await gallery(page).getByRole("img").count()).toBe(3);
  });

  it.each([
    ["another key's", (page: Page) => store(page, "key", other.key)],
    ["gone", async (page: Page) => store(page, "work", (await stored(page, "work"))!.replaceAll(/"job_\w/g, '"job_-'))],
    ["nonsense", (page: Page) => store(page, "work", '{"jobs":[null]}')],
  ])("silently drops a job that is %s", async (_, spoil) => {
    const { page } = await visitWithKey();
    await beginAndHold(page, 33);
    await spoil(page);
    await reload(page);
    await generateButton(page).waitFor();
    await expect.poll(() => stored(page, "work")).toBeNull();
    expect([await problem(page).isHidden(), await dialog(page).count()]).toEqual([true, 0]);
    expect(await page.locator("#tiles").isHidden()).toBe(true);
  });
});
