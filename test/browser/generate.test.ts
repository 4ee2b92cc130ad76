import type { Route } from "playwright-core";
import { describe, expect, it } from "vitest";
import { usePlayground } from "./playground.js";
import {
  cancelButton,
  generateButton,
  holdBack,
  imageCount,
  imageOf,
  note,
  openParameters,
  parameter,
  problem,
  seedBox,
  widthOf,
} from "./visitor.js";

const service = usePlayground();
const deletions = (requests: readonly string[]) => requests.filter((request) => request.startsWith("DELETE"));

describe("the seed", () => {
  it("is drawn for each request until it is locked, by its button or by typing a seed", async () => {
    const { page } = await service.visit();
    const seed = seedBox(page);
    const lock = page.getByRole("button", { name: "Lock the seed" });
    const isLocked = async () => (await lock.getAttribute("aria-pressed")) === "true";
    const generated = async () => {
      const sent = page.waitForRequest(`${service.address}/generate`);
      await generateButton(page).click();
      const { seed: used } = (await sent).postDataJSON();
      await imageOf(page, "star", used);
      expect(await seed.inputValue()).toBe(String(used));
      return used as number;
    };
    await page.getByRole("radio", { name: "fast" }).check();
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
  it("a preset sets its parameters; a changed parameter is marked and can be reset", async () => {
    const { page } = await service.visit();
    await openParameters(page);
    const steps = parameter(page, "Steps");
    const guidance = parameter(page, "Guidance");
    expect(await steps.inputValue()).toBe("32");
    await steps.fill("10");
    await guidance.fill("4");
    await page.getByRole("radio", { name: "fast" }).check();
    const hint = page.locator("[data-field='preset'] .hint");
    expect(await hint.textContent()).toMatch(
      / \d[\d.]* times as fast as exact · Fréchet distance [\d.]+ \(lower is better\) · Inception score [\d.]+, precision/,
    );
    await page.getByRole("radio", { name: "exact" }).check();
    expect(await hint.textContent()).toMatch(/ Fréchet distance/);
    expect([await steps.inputValue(), await guidance.inputValue()]).toEqual(["64", "4"]);
    await page.getByText("1 changed").waitFor();
    await page.getByRole("button", { name: "Guidance: reset to 2" }).click();
    expect(await guidance.inputValue()).toBe("2");
    expect(await page.getByText("1 changed").count()).toBe(0);
  });

  it("the keyboard moves the slider in steps, within the server's bounds", async () => {
    const { page } = await service.visit();
    await openParameters(page);
    const slider = page.getByRole("slider", { name: "Steps, slider", exact: true });
    const steps = parameter(page, "Steps");
    await slider.press("ArrowRight");
    expect(await steps.inputValue()).toBe("33");
    for (let i = 0; i < 5; i++) await slider.press("PageUp");
    expect(await steps.inputValue()).toBe("64");
    expect(await slider.getAttribute("aria-valuetext")).toBe("64");
  });

  it("has a control with a hint for every parameter that the server lists", async () => {
    const { page } = await service.visit();
    const { fields } = (await (await fetch(`${service.address}/playground/form.json`)).json()) as { fields: object };
    for (const name of Object.keys(fields)) {
      const hint = page.locator(`[data-field="${name}"] .hint`);
      expect(await hint.textContent(), name).toMatch(/\w{2}/);
    }
  });
});

describe("previews", () => {
  it("show each image before it is finished", async () => {
    const { page, requests } = await service.visit();
    // Records everything that the tiles show, in order.
    await page.evaluate(`
      window.shown = [];
      new MutationObserver((changes) => {
        for (const { target } of changes) if (target.tagName === "IMG") window.shown.push(target.src);
      }).observe(document.getElementById("tiles"), { subtree: true, attributes: true, attributeFilter: ["src"] });
    `);
    await imageCount(page).fill("3");
    await page.getByRole("radio", { name: "exact" }).check();
    await seedBox(page).fill("3");
    await generateButton(page).click();
    await page.locator(".tile.waiting img[src^='data:image/png']").first().waitFor();
    expect(await widthOf(page.locator(".tile img:visible").first())).toBe(64);
    await page.getByText(/of 192 steps over 3 images/).waitFor();
    await imageOf(page, "star", 3);
    const shown = await page.evaluate<string[]>("window.shown");
    const firstDone = shown.findIndex((src) => src.startsWith("blob:"));
    const before = new Set(shown.slice(0, firstDone));
    expect(before.size).toBeGreaterThan(2);
    for (const src of before) expect(src).toMatch(/^data:image\/png;base64,/);
    expect(requests.filter((request) => request.endsWith("/events?previews=true"))).toHaveLength(1);
  });
});

describe("Cancel", () => {
  it("before the server responds drops the request, and leaves the previous job alone", async () => {
    const { page, requests } = await service.visit();
    await seedBox(page).fill("13");
    await generateButton(page).click();
    await imageOf(page, "star", 13);

    const held = await holdBack(page, `${service.address}/generate`);
    await seedBox(page).fill("14");
    await generateButton(page).click();
    const dropped = page.waitForEvent("requestfailed", (request) => request.url() === `${service.address}/generate`);
    await held.first();
    await cancelButton(page).click();
    await dropped;
    await note(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(await cancelButton(page).isHidden()).toBe(true);
    expect(deletions(requests)).toEqual([]);

    await held.stop();
    await generateButton(page).click();
    await imageOf(page, "star", 14);
  });

  it("before the response arrives cancels the job that the server has accepted", async () => {
    await service.occupyEngine();
    const { page, requests } = await service.visit();
    let answer = () => {};
    const isHeld = new Promise<{ links: { self: string } }>((resolve, reject) => {
      page
        .route(`${service.address}/generate`, async (route) => {
          const response = await route.fetch();
          answer = () => void route.fulfill({ response });
          resolve(await response.json());
        })
        .catch(reject);
    });
    await generateButton(page).click();
    const { links } = await isHeld;
    await cancelButton(page).click();
    await page.getByRole("button", { name: "Cancelling …" }).waitFor();
    answer();
    await note(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(deletions(requests)).toEqual([`DELETE ${service.address}${links.self}`]);
    const job = await (await fetch(service.address + links.self)).json();
    expect(job).toMatchObject({ state: "cancelled" });
  });

  it("ends if the request is refused meanwhile", async () => {
    const { page } = await service.visit();
    const held = await holdBack(page, `${service.address}/generate`);
    await generateButton(page).click();
    const request = await held.first();
    await cancelButton(page).click();
    const headers = { "Retry-After": "60", "Content-Type": "application/problem+json" };
    await request.fulfill({ status: 429, headers, body: JSON.stringify({ status: 429, code: "queue_full" }) });
    await note(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(await generateButton(page).isEnabled()).toBe(true);
    expect(await page.locator("#form-problem").isHidden()).toBe(true);
  });

  it("cancels a waiting job, whose position is shown until then", async () => {
    await service.occupyEngine();
    const { page, requests } = await service.visit();
    const accepted = page.waitForResponse(`${service.address}/generate`);
    await generateButton(page).click();
    const { links } = (await (await accepted).json()) as { links: { self: string } };
    await page.getByText(/Waiting: \d+ images? ahead/).waitFor();
    await cancelButton(page).click();
    await note(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(await problem(page).isHidden()).toBe(true);
    expect(deletions(requests)).toEqual([`DELETE ${service.address}${links.self}`]);
    expect(await generateButton(page).isEnabled()).toBe(true);
  });

  it("cancels a running job once the server is reachable, and keeps its previews", async () => {
    const { page, requests } = await service.visit();
    let isReachable = false;
    const isDeletion = (route: Route) => route.request().method() === "DELETE";
    await page.route("**/jobs/*", (route) =>
      isDeletion(route) && !isReachable ? route.abort("connectionrefused") : route.continue(),
    );
    await imageCount(page).fill("64");
    await page.getByRole("radio", { name: "exact" }).check();
    const accepted = page.waitForResponse(`${service.address}/generate`);
    await generateButton(page).click();
    const { links } = (await (await accepted).json()) as { links: { self: string } };
    const drawn = page.locator(".tile img[src^='data:']:visible");
    await drawn.first().waitFor();
    await cancelButton(page).click();
    await page.locator("#form-problem").filter({ hasText: "not cancelled yet" }).waitFor();
    expect(await note(page).isHidden()).toBe(true);
    isReachable = true;
    await note(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(new Set(deletions(requests))).toEqual(new Set([`DELETE ${service.address}${links.self}`]));
    expect(((await (await fetch(`${service.address}${links.self}`)).json()) as { state: string }).state).toBe(
      "cancelled",
    );
    expect(await drawn.count()).toBeGreaterThan(0);
    expect(await page.locator(".tile.stopped, .tile.waiting").count()).toBe(0);
    for (const id of ["form-problem", "problem"]) expect(await page.locator(`#${id}`).isHidden()).toBe(true);
  });
});

describe("Cancel, if the server hangs,", () => {
  it("says that the job is not cancelled yet, and cancels it once the server responds", async () => {
    await service.occupyEngine();
    const { page } = await service.visit();
    await page.clock.install();
    await page.reload();
    await generateButton(page).waitFor();
    const held = await holdBack(page, "**/jobs/*");
    const accepted = page.waitForResponse(`${service.address}/generate`);
    await generateButton(page).click();
    await accepted;
    await cancelButton(page).click();
    await held.first();
    // Above the silence that the page accepts, as when a machine sleeps.
    await page.clock.fastForward(15_000);
    await page.locator("#form-problem").filter({ hasText: "not cancelled yet" }).waitFor();
    await held.stop();
    await note(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(await problem(page).isHidden()).toBe(true);
  });
});
