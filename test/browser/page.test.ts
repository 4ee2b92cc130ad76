import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { usePlayground } from "./playground.js";
import {
  download,
  generateButton,
  imageOf,
  MOST_BYTES,
  openParameters,
  PHONE,
  parameter,
  seedBox,
  weigh,
} from "./visitor.js";

const service = usePlayground();

describe("the first load", () => {
  it("is smaller than 200 KB, headers included, and comes from this server only", async () => {
    const files = await weigh(await service.visit());
    const paths = files.map(({ url }) => url.pathname);
    for (const path of ["/", "/playground/main.js", "/playground/samples/demo", "/models/demo/classes"])
      expect(paths).toContain(path);
    expect(new Set(files.map(({ url }) => url.origin))).toEqual(new Set([service.address]));
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  it("loads each module once, and only modules that the page preloads", async () => {
    const paths = (await weigh(await service.visit()))
      .map(({ url }) => url.pathname)
      .filter((path) => path.endsWith(".js"));
    expect(paths.length).toBeGreaterThan(20);
    expect(new Set(paths).size).toBe(paths.length);
    const html = await (await fetch(service.address)).text();
    for (const path of paths) expect(html).toContain(`"${path.slice(1)}"`);
  });
});

describe("the page", () => {
  it.each([
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["on a phone", PHONE],
    ["on a very small phone", { ...PHONE, viewport: { width: 320, height: 640 } }],
  ] as const)("generates an image without console errors or requests to other servers: %s", async (_, options) => {
    const { page, complaints, requests } = await service.visit(options);
    await page.getByRole("radio", { name: "heart" }).check();
    await page.getByRole("radio", { name: "fast" }).check();
    await seedBox(page).fill("7");
    await generateButton(page).click();
    await imageOf(page, "heart", 7);
    // A phone enlarges what innerWidth counts to the page's width.
    const { width } = page.viewportSize()!;
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    expect(complaints).toEqual([]);
    for (const request of requests)
      expect(request).toMatch(new RegExp(`^(GET|POST) (${service.address}/|data:|blob:)`));
  });

  it("sends exactly the form's fields, and shows the image of this request", async () => {
    const { page } = await service.visit();
    const sent = page.waitForRequest(`${service.address}/generate`);
    await page.getByRole("radio", { name: "moon" }).check();
    await seedBox(page).fill("21");
    await openParameters(page);
    await parameter(page, "Steps").fill("8");
    await parameter(page, "Guidance").fill("3.5");
    await page.getByRole("radio", { name: "constant" }).check();
    await generateButton(page).click();
    const body = (await sent).postDataJSON();
    expect(body).toEqual({ class: "moon", seed: 21, steps: 8, guidance_scale: 3.5, guidance_schedule: "constant" });
    await imageOf(page, "moon", 21);
    await page.locator("#tiles").getByRole("button").click();
    const { bytes } = await download(page);
    const again = await fetch(`${service.address}/generate`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "image/png" },
      body: JSON.stringify(body),
    });
    expect(bytes.equals(Buffer.from(await again.arrayBuffer()))).toBe(true);
  });

  it("follows the preferred colour scheme until the user chooses another", async () => {
    const isDark = async (page: Page) => {
      const style = "getComputedStyle(document.body)";
      const [ground, text] = await page.evaluate<string[]>(`[${style}.backgroundColor, ${style}.color]`);
      const brightness = (colour: string) =>
        colour
          .match(/\d+/g)!
          .slice(0, 3)
          .reduce((sum, part) => sum + Number(part), 0);
      return brightness(ground!) < brightness(text!);
    };
    const { page: dark } = await service.visit({ colorScheme: "dark" });
    expect(await isDark(dark)).toBe(true);
    const { page } = await service.visit({ colorScheme: "light" });
    expect(await isDark(page)).toBe(false);
    await page.getByRole("button", { name: "Dark" }).click();
    expect(await isDark(page)).toBe(true);
    await page.reload();
    expect(await isDark(page)).toBe(true);
    expect(await page.getByRole("button", { name: "Dark" }).getAttribute("aria-pressed")).toBe("true");
    await page.getByRole("button", { name: "Dark" }).click();
    expect(await isDark(page)).toBe(false);
  });

  it("can be used with the keyboard alone", async () => {
    const { page } = await service.visit();
    const focused = () => page.evaluate("document.activeElement.id || document.activeElement.ariaLabel");
    const tabTo = async (wanted: string) => {
      for (let i = 0; i < 30 && (await focused()) !== wanted; i++) await page.keyboard.press("Tab");
      expect(await focused()).toBe(wanted);
    };
    await tabTo("class");
    await page.keyboard.type("hea");
    await page.keyboard.press("Enter");
    await tabTo("seed");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("11");
    await tabTo("generate");
    await page.keyboard.press("Enter");
    await imageOf(page, "heart", 11);
    expect(await focused()).toBe("generate");
    const again = page.waitForRequest(`${service.address}/generate`);
    await page.keyboard.press("Control+Enter");
    await again;
    await imageOf(page, "heart", 11);
  });

  it.each([
    ["no-preference", "animates what waits", true],
    ["reduce", "animates nothing", false],
  ] as const)("with the preference %s %s", async (reducedMotion, _, moves) => {
    const { page } = await service.visit({ reducedMotion });
    await service.occupyEngine();
    await generateButton(page).click();
    await page.locator(".tile.waiting").waitFor();
    expect(Number(await page.evaluate("document.getAnimations().length")) > 0).toBe(moves);
  });
});
