import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Manifest } from "../../src/model/manifest.js";
import { exampleApi } from "../api/example-api.js";
import { exampleManifest } from "../model/example-manifest.js";
import { classBox, fieldError, generateButton, MOST_BYTES, useBrowser, weigh } from "./visitor.js";

/** As many classes as ImageNet, two of them with the same name; and more classes than one response holds. */
const THOUSAND = manifestOf("demo", 1000);
const MORE = manifestOf("other", 1500);

function manifestOf(name: string, count: number): Manifest {
  const classes = Array.from({ length: count }, (_, index) => ({
    index,
    name: index === 134 || index === 517 ? "crane" : `thing ${index}, and what else it is called`,
    id: `n${String(index).padStart(8, "0")}`,
  }));
  return { ...exampleManifest(name), classes };
}

let api: Awaited<ReturnType<typeof exampleApi>>;
let address: string;
beforeAll(async () => {
  const manifests = [THOUSAND, MORE];
  const models = {
    default: "demo",
    list: () => manifests,
    get: (name: string) => manifests.find((manifest) => manifest.name === name),
    folderOf: (name: string) => `models/${name}`,
  };
  api = await exampleApi({ deps: { models } });
  address = await api.listen();
});
afterAll(() => api.close());

const browser = useBrowser();

async function visit(model = "demo") {
  const { page } = await browser.visit(address);
  if (model !== "demo") await page.getByLabel("Model", { exact: true }).selectOption(model);
  await expect.poll(() => classBox(page).inputValue()).toMatch(/^thing 0/);
  const asked = async () => {
    const sent = page.waitForRequest(`${address}/generate`);
    await page.keyboard.press("Control+Enter");
    return (await sent).postDataJSON().class;
  };
  return {
    page,
    box: classBox(page),
    asked,
    options: page.getByRole("listbox", { name: "Classes" }).getByRole("option"),
  };
}

describe("a thousand classes", () => {
  it("leave the first load below its bound", async () => {
    const files = await weigh(await browser.visit(address));
    expect(files.map(({ url }) => url.pathname)).toContain("/models/demo/classes");
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it("are searched while the user types, with matching beginnings first, and chosen by keyboard", async () => {
    const { page, box, asked, options } = await visit();
    await box.click();
    expect(await box.getAttribute("aria-expanded")).toBe("true");
    await page.getByText("Showing 200 of 1000 classes. Keep typing to narrow the list.").waitFor();
    await box.fill("thing 99");
    await expect.poll(() => options.count()).toBe(11);
    expect(await options.first().textContent()).toContain("thing 99,");
    expect(await box.getAttribute("aria-activedescendant")).toBe(await options.first().getAttribute("id"));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    expect(await box.inputValue()).toMatch(/^thing 991,/);
    expect(await box.getAttribute("aria-expanded")).toBe("false");
    expect(await asked()).toMatch(/^thing 991,/);
  });

  it("are found by index and by synset id", async () => {
    const { box, options, page } = await visit();
    for (const text of ["873", "n00000873"]) {
      await box.fill(text);
      await expect.poll(() => options.first().textContent()).toContain("thing 873,");
      await page.keyboard.press("Escape");
    }
  });

  it("with the same name are requested by index", async () => {
    const { box, options, asked } = await visit();
    await box.fill("crane");
    await expect.poll(() => options.count()).toBe(2);
    await options.nth(1).click();
    expect(await asked()).toBe(517);
  });

  it("can be left out: no class", async () => {
    const { box, options, asked } = await visit();
    await box.fill("no c");
    await options.getByText("no class").click();
    expect(await asked()).toBe(null);
  });

  it("that do not exist are sent to the server as typed", async () => {
    const { page, box } = await visit();
    await box.fill("zebra");
    await page.getByText("No class matches.").waitFor();
    await page.keyboard.press("Tab");
    await generateButton(page).click();
    await fieldError(page, "class").filter({ hasText: 'not "zebra"' }).waitFor();
  });

  it("close with Escape and open with an arrow at the chosen class", async () => {
    const { page, box } = await visit();
    await box.fill("thing 42,");
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => box.getAttribute("aria-activedescendant")).toBe("class-option-42");
    expect(await page.locator("#class-option-42").getAttribute("aria-selected")).toBe("true");
    await page.keyboard.press("Escape");
    expect(await box.getAttribute("aria-expanded")).toBe("false");
    expect(await box.inputValue()).toMatch(/^thing 42,/);
  });
});

describe("more classes than one response holds", () => {
  it("are searched on the server", async () => {
    const { box, options, asked } = await visit("other");
    await box.fill("thing 1499");
    await expect.poll(() => options.count()).toBe(1);
    await options.click();
    expect(await asked()).toBe(1499);
  });
});
