import type { Page, Route } from "playwright-core";
import { describe, expect, it } from "vitest";
import { OTHER, usePlayground } from "./playground.js";
import {
  cancelButton,
  classBox,
  DESKTOP,
  download,
  generateButton,
  imageCount,
  openFineTuning,
  parameter,
  pictureOf,
  problem,
  seedBox,
  TELEPHONE,
  useBrowser,
  widthOf,
} from "./visitor.js";

const service = usePlayground();
const browser = useBrowser();
const visit = (options = {}) => browser.visit(service.address, { ...DESKTOP, ...options });
const deletions = (requests: readonly string[]) => requests.filter((request) => request.startsWith("DELETE"));

/** Holds back answers to requests until they are let go. */
async function holdBack(page: Page, path: string) {
  const held: Route[] = [];
  let onHeld = () => {};
  await page.route(`${service.address}${path}`, (route) => {
    held.push(route);
    onHeld();
  });
  return {
    /** Resolves with the first one held. */
    first: async () => {
      while (held.length === 0) await new Promise<void>((resolve) => (onHeld = resolve));
      return held[0]!;
    },
    stop: () => page.unroute(`${service.address}${path}`),
  };
}

describe("the page", () => {
  it.each([
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["on a telephone", TELEPHONE],
    ["on a very small one", { ...TELEPHONE, viewport: { width: 320, height: 640 } }],
  ] as const)("makes a picture, complains of nothing and asks nobody else: %s", async (_, options) => {
    const { page, complaints, requests } = await visit(options);
    await page.getByRole("radio", { name: "heart" }).check();
    await page.getByRole("radio", { name: "quick" }).check();
    await seedBox(page).fill("7");
    await generateButton(page).click();
    await pictureOf(page, "heart", 7);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
    for (const request of requests)
      expect(request).toMatch(new RegExp(`^(GET|POST) (${service.address}/|data:|blob:)`));
  });

  it("sends the form's fields and no others, and the picture is the one that this request makes", async () => {
    const { page } = await visit();
    const sent = page.waitForRequest(`${service.address}/generate`);
    await page.getByRole("radio", { name: "moon" }).check();
    await seedBox(page).fill("21");
    await openFineTuning(page);
    await parameter(page, "Steps").fill("8");
    await parameter(page, "Guidance").fill("3.5");
    await page.getByRole("radio", { name: "constant" }).check();
    await generateButton(page).click();
    const body = (await sent).postDataJSON();
    expect(body).toEqual({ class: "moon", seed: 21, steps: 8, guidance_scale: 3.5, guidance_schedule: "constant" });
    await pictureOf(page, "moon", 21);
    await page.locator("#tiles").getByRole("button").click();
    const { bytes } = await download(page);
    const again = await fetch(`${service.address}/generate`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "image/png" },
      body: JSON.stringify(body),
    });
    expect(bytes.equals(Buffer.from(await again.arrayBuffer()))).toBe(true);
  });

  it("is dark where that is preferred, light elsewhere, and as the reader says from then on", async () => {
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
    const { page: dark } = await visit({ colorScheme: "dark" });
    expect(await isDark(dark)).toBe(true);
    const { page } = await visit({ colorScheme: "light" });
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
    const { page } = await visit();
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
    await pictureOf(page, "heart", 11);
    expect(await focused()).toBe("generate");
    await page.keyboard.press("Control+Enter");
    await cancelButton(page).waitFor();
    await pictureOf(page, "heart", 11);
  });

  it("moves nothing of its own where motion is not wanted", async () => {
    const { page } = await visit({ reducedMotion: "reduce" });
    await service.occupyEngine();
    await generateButton(page).click();
    await page.locator(".tile.waiting").waitFor();
    expect(await page.evaluate("document.getAnimations().length")).toBe(0);
  });
});

describe("the seed", () => {
  it("is drawn anew each time until it is locked, by its button or by typing one", async () => {
    const { page } = await visit();
    const seed = seedBox(page);
    const lock = page.getByRole("button", { name: "Lock the seed" });
    const isLocked = async () => (await lock.getAttribute("aria-pressed")) === "true";
    const generated = async () => {
      const sent = page.waitForRequest(`${service.address}/generate`);
      await generateButton(page).click();
      const { seed: used } = (await sent).postDataJSON();
      await pictureOf(page, "star", used);
      expect(await seed.inputValue()).toBe(String(used));
      return used as number;
    };
    await page.getByRole("radio", { name: "quick" }).check();
    const first = await generated();
    const second = await generated();
    expect(second).not.toBe(first);
    await lock.click();
    expect(await generated()).toBe(second);
    await page.getByRole("button", { name: "Draw a seed" }).click();
    const third = Number(await seed.inputValue());
    expect(third).not.toBe(second);
    expect(await generated()).toBe(third);
    await lock.click();
    expect(await isLocked()).toBe(false);
    await seed.fill("5");
    expect(await isLocked()).toBe(true);
  });
});

describe("presets and parameters", () => {
  it("a preset sets what it states; a changed parameter is marked and goes back", async () => {
    const { page } = await visit();
    await openFineTuning(page);
    const steps = parameter(page, "Steps");
    const guidance = parameter(page, "Guidance");
    expect(await steps.inputValue()).toBe("32");
    await steps.fill("10");
    await guidance.fill("4");
    await page.getByRole("radio", { name: "exact" }).check();
    expect([await steps.inputValue(), await guidance.inputValue()]).toEqual(["64", "4"]);
    await page.getByText("1 changed").waitFor();
    await page.getByRole("button", { name: "Guidance: back to 2" }).click();
    expect(await guidance.inputValue()).toBe("2");
    expect(await page.getByText("1 changed").count()).toBe(0);
  });

  it("the slider goes in steps by the keyboard, within the server's bounds", async () => {
    const { page } = await visit();
    await openFineTuning(page);
    const slider = page.getByRole("slider", { name: "Steps, slider", exact: true });
    const steps = parameter(page, "Steps");
    await slider.press("ArrowRight");
    expect(await steps.inputValue()).toBe("33");
    for (let i = 0; i < 5; i++) await slider.press("PageUp");
    expect(await steps.inputValue()).toBe("64");
    expect(await slider.getAttribute("aria-valuetext")).toBe("64");
  });

  it("has a control with a line of help for every parameter that the server lists", async () => {
    const { page } = await visit();
    const { fields } = (await (await fetch(`${service.address}/playground/form.json`)).json()) as { fields: object };
    for (const name of Object.keys(fields)) {
      const hint = page.locator(`[data-field="${name}"] .hint`);
      expect(await hint.textContent(), name).toMatch(/\w{2}/);
    }
  });
});

describe("previews", () => {
  it("show each picture as it emerges, before it is done", async () => {
    const { page, requests } = await visit();
    // Everything that the tiles show, in order.
    await page.evaluate(`
      window.shown = [];
      new MutationObserver((changes) => {
        for (const { target } of changes) if (target.tagName === "IMG") window.shown.push(target.src);
      }).observe(document.getElementById("tiles"), { subtree: true, attributes: true, attributeFilter: ["src"] });
    `);
    await imageCount(page).fill("2");
    await page.getByRole("radio", { name: "exact" }).check();
    await seedBox(page).fill("3");
    await generateButton(page).click();
    await page.locator(".tile.waiting img[src^='data:image/png']").first().waitFor();
    expect(await widthOf(page.locator(".tile img:visible").first())).toBe(64);
    await page.getByText(/of 128 steps over 2 images/).waitFor();
    await pictureOf(page, "star", 3);
    const shown = await page.evaluate<string[]>("window.shown");
    const firstDone = shown.findIndex((src) => src.startsWith("blob:"));
    const before = new Set(shown.slice(0, firstDone));
    expect(before.size).toBeGreaterThan(2);
    for (const src of before) expect(src).toMatch(/^data:image\/png;base64,/);
    expect(requests.filter((request) => request.endsWith("/events?previews=true"))).toHaveLength(1);
  });
});

describe("Cancel", () => {
  it("before the server answered drops the request, and leaves the job before alone", async () => {
    const { page, requests } = await visit();
    await seedBox(page).fill("13");
    await generateButton(page).click();
    await pictureOf(page, "star", 13);

    const held = await holdBack(page, "/generate");
    await seedBox(page).fill("14");
    await generateButton(page).click();
    const dropped = page.waitForEvent("requestfailed", (request) => request.url() === `${service.address}/generate`);
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

  it("cancels the job that waits, and says its place in the line meanwhile", async () => {
    await service.occupyEngine();
    const { page, requests } = await visit();
    const accepted = page.waitForResponse(`${service.address}/generate`);
    await generateButton(page).click();
    const { links } = (await (await accepted).json()) as { links: { self: string } };
    await page.getByText(/Waiting: \d+ images? ahead/).waitFor();
    await cancelButton(page).click();
    await problem(page).filter({ hasText: "The job was cancelled on request." }).waitFor();
    expect(deletions(requests)).toEqual([`DELETE ${service.address}${links.self}`]);
    expect(await generateButton(page).isEnabled()).toBe(true);
  });

  it("cancels the job that runs", async () => {
    const { page } = await visit();
    await imageCount(page).fill("16");
    await page.getByRole("radio", { name: "exact" }).check();
    await generateButton(page).click();
    await page.locator(".tile.waiting img[src^='data:']").first().waitFor();
    await cancelButton(page).click();
    await problem(page).filter({ hasText: "The job was cancelled on request." }).waitFor();
  });
});

describe("a change of the model", () => {
  const model = (page: Page) => page.getByLabel("Model", { exact: true });

  it("brings its classes, and the picture is its own", async () => {
    const { page } = await visit();
    await model(page).selectOption(OTHER);
    await classBox(page).fill("moon");
    await page.getByRole("option", { name: "other moon" }).click();
    await seedBox(page).fill("15");
    await generateButton(page).click();
    await pictureOf(page, "other moon", 15);
  });

  it("says when the server does not answer, and stays with the model before", async () => {
    const { page } = await visit();
    await page.route(`${service.address}/models/${OTHER}/classes`, (route) => route.abort());
    await model(page).selectOption(OTHER);
    await page.getByText("The server does not answer.").first().waitFor();
    expect(await model(page).inputValue()).toBe("demo");
    expect(await classBox(page).inputValue()).toBe("star");
  });

  it("is the last of two quick ones, whichever answer comes first", async () => {
    const { page } = await visit();
    const held = await holdBack(page, `/models/${OTHER}/classes`);
    await model(page).selectOption(OTHER);
    const late = await held.first();
    const answered = page.waitForResponse(`${service.address}/models/demo/classes`);
    await model(page).selectOption("demo");
    await answered;
    const lateAnswer = page.waitForResponse(`${service.address}/models/${OTHER}/classes`);
    await late.continue();
    await (await lateAnswer).finished();
    await seedBox(page).fill("16");
    await generateButton(page).click();
    await pictureOf(page, "star", 16);
    expect(await classBox(page).inputValue()).toBe("star");
  });
});
