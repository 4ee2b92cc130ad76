import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { generate, Marimba } from "../commands/marimba.js";
import { launchChromium } from "./chromium.js";

const DEMO = fileURLToPath(new URL("../../models/demo", import.meta.url));
/** The demo model by another name, with other names for its classes. */
const OTHER = "other";

let folder: string;
let marimba: Marimba;
let address: string;
let browser: Browser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-browser-"));
  await symlink(DEMO, join(folder, "demo"));
  await cp(DEMO, join(folder, OTHER), { recursive: true });
  const manifest = JSON.parse(await readFile(join(DEMO, "model.json"), "utf8"));
  for (const modelClass of manifest.classes) modelClass.name = `other ${modelClass.name}`;
  await writeFile(join(folder, OTHER, "model.json"), JSON.stringify({ ...manifest, name: OTHER }));
  marimba = new Marimba(["serve"], { MODELS_DIR: folder });
  address = await marimba.address();
  browser = await launchChromium();
  await marimba.prints(/^Ready\./m);
});
afterAll(async () => {
  await browser?.close();
  marimba?.kill("SIGTERM");
  await marimba?.ended;
  await rm(folder, { recursive: true });
});

const pages: Page[] = [];
afterEach(async () => {
  for (const page of pages.splice(0)) await page.context().close();
});

/** Opens the page, and everything that it complains of or asks for. */
async function open(options: BrowserContextOptions = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  pages.push(page);
  page.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requests.push(`${request.method()} ${request.url()}`));
  await page.goto(address);
  await page.getByRole("radio", { name: "star" }).waitFor();
  return { page, complaints, requests };
}

const generateButton = (page: Page) => page.getByRole("button", { name: "Generate" });
const cancelButton = (page: Page) => page.getByRole("button", { name: "Cancel" });
const problem = (page: Page) => page.getByRole("alert");
const deletions = (requests: readonly string[]) => requests.filter((request) => request.startsWith("DELETE"));

/** Resolves once the picture of this class and seed is shown, whole. */
async function pictureOf(page: Page, modelClass: string, seed: number): Promise<void> {
  await page
    .getByRole("status")
    .filter({ hasText: `${modelClass} · seed ${seed} ·` })
    .waitFor();
  await page.getByRole("img", { name: `A generated picture of class ${modelClass}` }).waitFor();
  // As text: the project's types know no DOM.
  await page.evaluate("document.getElementById('picture').decode()");
  expect(await page.evaluate("document.getElementById('picture').naturalWidth")).toBe(64);
}

/** Holds back answers to requests until they are let go. */
async function holdBack(page: Page, path: string) {
  const held: Route[] = [];
  let onHeld = () => {};
  await page.route(`${address}${path}`, (route) => {
    held.push(route);
    onHeld();
  });
  return {
    /** Resolves with the first one held. */
    first: async () => {
      while (held.length === 0) await new Promise<void>((resolve) => (onHeld = resolve));
      return held[0]!;
    },
    stop: () => page.unroute(`${address}${path}`),
  };
}

const occupying: string[] = [];
afterEach(async () => {
  for (const job of occupying.splice(0)) await fetch(job, { method: "DELETE" });
});

/** Has the engine make so many pictures that others wait until the test ends. */
async function occupyEngine(): Promise<void> {
  const accepted = await generate(address, { class: 0, num_images: 64, preset: "exact" }, {});
  occupying.push(`${address}${accepted.headers.get("location")}`);
}

describe("the page", () => {
  it.each([
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["on a telephone", { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true }],
  ] as const)("makes a picture, complains of nothing and asks nobody else: %s", async (_, options) => {
    const { page, complaints, requests } = await open(options);
    await page.getByRole("radio", { name: "heart" }).check();
    await page.getByLabel("Preset").selectOption("quick");
    await page.getByLabel("Seed").fill("7");
    await generateButton(page).click();
    await pictureOf(page, "heart", 7);
    expect(await page.getByText("curl -fsS").textContent()).toContain('{"class":"heart","seed":7,"preset":"quick"}');
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
    for (const request of requests) expect(request).toMatch(new RegExp(`^(GET|POST) (${address}/|data:|blob:)`));
  });

  it("is dark where that is preferred, and light elsewhere", async () => {
    const brightness = async (colorScheme: "light" | "dark") => {
      const { page } = await open({ colorScheme });
      const style = "getComputedStyle(document.body)";
      const colours = await page.evaluate<string[]>(`[${style}.backgroundColor, ${style}.color]`);
      return colours.map((colour) =>
        colour
          .match(/\d+/g)!
          .slice(0, 3)
          .reduce((sum, part) => sum + Number(part), 0),
      );
    };
    const [[lightGround, lightText], [darkGround, darkText]] = [await brightness("light"), await brightness("dark")];
    expect(lightGround).toBeGreaterThan(lightText!);
    expect(darkGround).toBeLessThan(darkText!);
  });

  it("can be used with the keyboard alone", async () => {
    const { page } = await open();
    const focused = () => page.evaluate("document.activeElement.id || document.activeElement.value");
    const tabTo = async (wanted: string) => {
      for (let i = 0; i < 20 && (await focused()) !== wanted; i++) await page.keyboard.press("Tab");
      expect(await focused()).toBe(wanted);
    };
    await tabTo('"star"');
    await page.keyboard.press("ArrowDown");
    await tabTo("preset");
    await page.keyboard.press("ArrowDown");
    await tabTo("seed");
    await page.keyboard.type("11");
    await tabTo("generate");
    await page.keyboard.press("Enter");
    await pictureOf(page, "heart", 11);
    expect(await focused()).toBe("generate");
  });

  it("states each number of a preset once", async () => {
    const { page } = await open();
    for (const preset of ["exact", "standard", "quick"]) {
      await page.getByLabel("Preset").selectOption(preset);
      const numbers = (await page.locator("#preset-hint").textContent())!.match(/\d+/g)!;
      expect(numbers).toEqual([...new Set(numbers)]);
    }
  });

  it("says what the server refuses, and goes on", async () => {
    const { page } = await open();
    await page.getByLabel("Seed").fill("9999999999999999");
    await generateButton(page).click();
    await problem(page).filter({ hasText: "seed must be an integer from 0 to 9007199254740991" }).waitFor();
    await page.getByLabel("Seed").fill("12");
    await generateButton(page).click();
    await pictureOf(page, "star", 12);
    expect(await problem(page).isHidden()).toBe(true);
  });
});

describe("Cancel", () => {
  it("before the server answered drops the request, and leaves the job before alone", async () => {
    const { page, requests } = await open();
    await page.getByLabel("Seed").fill("13");
    await generateButton(page).click();
    await pictureOf(page, "star", 13);

    const held = await holdBack(page, "/generate");
    await page.getByLabel("Seed").fill("14");
    await generateButton(page).click();
    const dropped = page.waitForEvent("requestfailed", (request) => request.url() === `${address}/generate`);
    await held.first();
    await cancelButton(page).click();
    await dropped;
    await problem(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(await cancelButton(page).isHidden()).toBe(true);
    expect(deletions(requests)).toEqual([]);

    await held.stop();
    await generateButton(page).click();
    await pictureOf(page, "star", 14);
  });

  it("cancels the job that waits or runs", async () => {
    await occupyEngine();
    const { page, requests } = await open();
    const accepted = page.waitForResponse(`${address}/generate`);
    await generateButton(page).click();
    const { links } = (await (await accepted).json()) as { links: { self: string } };
    await page.getByRole("status").filter({ hasText: "Waiting" }).waitFor();
    await cancelButton(page).click();
    await problem(page).filter({ hasText: "The job was cancelled on request." }).waitFor();
    expect(deletions(requests)).toEqual([`DELETE ${address}${links.self}`]);
    expect(await generateButton(page).isEnabled()).toBe(true);
  });
});

describe("a change of the model", () => {
  const model = (page: Page) => page.getByLabel("Model");
  const firstClass = (page: Page) => page.locator("#choices label").first().textContent();

  it("brings its classes, and the picture is its own", async () => {
    const { page } = await open();
    await model(page).selectOption(OTHER);
    await page.getByRole("radio", { name: "other moon" }).check();
    await page.getByLabel("Seed").fill("15");
    await generateButton(page).click();
    await pictureOf(page, "other moon", 15);
  });

  it("says when the server does not answer, and stays with the model before", async () => {
    const { page } = await open();
    await page.route(`${address}/models/${OTHER}/classes`, (route) => route.abort());
    await model(page).selectOption(OTHER);
    await problem(page).filter({ hasText: "The server does not answer." }).waitFor();
    expect(await model(page).inputValue()).toBe("demo");
    expect(await firstClass(page)).toBe("star");
  });

  it("is the last of two quick ones, whichever answer comes first", async () => {
    const { page } = await open();
    const held = await holdBack(page, `/models/${OTHER}/classes`);
    await model(page).selectOption(OTHER);
    const late = await held.first();
    const answered = page.waitForResponse(`${address}/models/demo/classes`);
    await model(page).selectOption("demo");
    await answered;
    const lateAnswer = page.waitForResponse(`${address}/models/${OTHER}/classes`);
    await late.continue();
    await (await lateAnswer).finished();
    await page.getByLabel("Seed").fill("16");
    await generateButton(page).click();
    await pictureOf(page, "star", 16);
    expect(await firstClass(page)).toBe("star");
  });
});
