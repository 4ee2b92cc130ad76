import { readFile } from "node:fs/promises";
import type { Browser, BrowserContextOptions, Locator, Page, Response, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { launchChromium, newContext } from "./chromium.js";

/** An open page, with its console errors, requests and responses. */
export interface Visit {
  readonly page: Page;
  readonly complaints: string[];
  /** `METHOD address`. */
  readonly requests: string[];
  readonly responses: Response[];
}

export const DESKTOP = { viewport: { width: 1440, height: 900 } } as const;
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

/** A browser for the tests of a file: each test's pages are closed after it. */
export function useBrowser() {
  let browser: Browser;
  const pages: Page[] = [];
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) await page.context().close();
  });
  afterAll(() => browser?.close());

  async function open(address: string, options: BrowserContextOptions = {}): Promise<Visit> {
    // Animations take processor time from the tests; page.test.ts has the test of what moves.
    const context = await newContext(browser, { ...DESKTOP, reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    pages.push(page);
    const visit: Visit = { page, complaints: [], requests: [], responses: [] };
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) visit.complaints.push(message.text());
    });
    page.on("pageerror", (error) => visit.complaints.push(String(error)));
    page.on("request", (request) => visit.requests.push(`${request.method()} ${request.url()}`));
    page.on("response", (response) => visit.responses.push(response));
    await page.goto(address);
    return visit;
  }
  return {
    open,
    /** Opens the page and waits until its form is there. */
    async visit(address: string, options?: BrowserContextOptions): Promise<Visit> {
      const visit = await open(address, options);
      await generateButton(visit.page).waitFor();
      return visit;
    },
  };
}

/** Size limit of the first load. */
export const MOST_BYTES = 200_000;

/** Everything that a first visit loads until the network is idle. */
export async function weigh({ page, responses }: Visit): Promise<{ url: URL; bytes: number }[]> {
  await page.waitForLoadState("networkidle");
  const sent = responses.filter((response) => !/^(data|blob):/.test(response.url()));
  return Promise.all(
    sent.map(async (response) => {
      const { responseBodySize, responseHeadersSize } = await response.request().sizes();
      return { url: new URL(response.url()), bytes: responseBodySize + responseHeadersSize };
    }),
  );
}

export const generateButton = (page: Page) => page.getByRole("button", { name: /^(Generate|Compare|Redraw)/ });
export const cancelButton = (page: Page) => page.getByRole("button", { name: "Cancel" });
export const classBox = (page: Page) => page.getByRole("combobox", { name: "Class" });
export const imageCount = (page: Page) => page.getByRole("textbox", { name: "Images" });
export const seedBox = (page: Page) => page.getByRole("textbox", { name: "Seed" });
export const parameter = (page: Page, name: string) => page.getByRole("textbox", { name, exact: true });
export const banner = (page: Page) => page.locator("#banner");
export const gallery = (page: Page) => page.getByRole("region", { name: "Gallery" });
export const dialog = (page: Page) => page.getByRole("dialog");
/** The error of a failed run. */
export const problem = (page: Page) => page.locator("#problem");
/** The note about a cancelled run. */
export const note = (page: Page) => page.locator("#note");
/** The error of one field. */
export const fieldError = (page: Page, field: string) => page.locator(`[data-field="${field}"] .error`);

export async function openParameters(page: Page): Promise<void> {
  await page.getByText("Sampling parameters").click();
}

/** Resolves once the stage shows the finished image of this class and seed, which has this width. */
export async function imageOf(page: Page, modelClass: string, seed: number, width = 64): Promise<void> {
  await generateButton(page).waitFor();
  const image = page
    .locator("#tiles")
    .getByRole("img", { name: `${modelClass}, seed ${seed}` })
    .first();
  await image.waitFor();
  expect(await widthOf(image)).toBe(width);
}

/** The part of an image element that the tests use: the project's types know no DOM. */
interface ImageElement {
  readonly src: string;
  readonly naturalWidth: number;
  decode(): Promise<void>;
}

/** The natural width of an image, once it is decoded. */
export function widthOf(image: Locator): Promise<number> {
  return image.evaluate(async (element: ImageElement) => {
    await element.decode();
    return element.naturalWidth;
  });
}

export function srcOf(image: Locator): Promise<string> {
  return image.evaluate((element: ImageElement) => element.src);
}

/** Name and bytes of the file behind "Download" in the open dialog. */
export async function download(page: Page): Promise<{ name: string; bytes: Buffer }> {
  const started = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  const file = await started;
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

/** Holds back requests that match the pattern until `stop`. */
export async function holdBack(page: Page, url: string) {
  const held: Route[] = [];
  let onHeld = () => {};
  await page.route(url, (route) => {
    held.push(route);
    onHeld();
  });
  return {
    /** Resolves with the first held request. */
    first: async () => {
      while (held.length === 0) await new Promise<void>((resolve) => (onHeld = resolve));
      return held[0]!;
    },
    /** Releases all held requests. */
    stop: async () => {
      await page.unroute(url);
      for (const route of held) await route.continue().catch(() => {});
    },
  };
}
