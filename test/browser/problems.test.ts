import { describe, expect, it } from "vitest";
import { FaultyProxy } from "../topology/faulty-proxy.js";
import { usePlayground } from "./playground.js";
import {
  banner,
  classBox,
  fieldError,
  gallery,
  generateButton,
  imageCount,
  imageOf,
  openParameters,
  parameter,
  problem,
  seedBox,
} from "./visitor.js";

const service = usePlayground({ MAX_QUEUED_IMAGES: "20", MAX_BATCH: "2" });

describe("bad input", () => {
  it.each([
    ["seed", "seed", "9999999999999999", "Must be an integer from 0 to 9007199254740991"],
    ["seed", "seed", "12345678901234567890", 'not "12345678901234567890".'],
    ["seed", "seed", "lucky", 'Must be an integer from 0 to 9007199254740991, not "lucky".'],
    ["num_images", "field-num_images", "21", "Must be an integer from 1 to 20, not 21."],
    ["steps", "field-steps", "65", "Must be a whole number from 1 to 64"],
    ["guidance_scale", "field-guidance_scale", "0.5", "Must be a number from 1 to 20, not 0.5."],
    ["temperature", "field-temperature", "hot", 'Must be a number from 0 to 2, not "hot".'],
  ])("is reported at its field, which gets the focus: %s", async (name, id, text, sentence) => {
    const { page } = await service.visit();
    await openParameters(page);
    const input = page.locator(`#${id}`);
    await input.fill(text);
    // Hide the field again: the error must open the section.
    await openParameters(page);
    await generateButton(page).click();
    await fieldError(page, name).filter({ hasText: sentence }).waitFor();
    expect(await input.getAttribute("aria-invalid")).toBe("true");
    expect(await input.getAttribute("aria-describedby")).toContain(await fieldError(page, name).getAttribute("id"));
    expect(await page.evaluate("document.activeElement.id")).toBe(id);
    expect(await input.isVisible()).toBe(true);
  });

  it("is reported all at once, and the error disappears with the correction", async () => {
    const { page } = await service.visit();
    await openParameters(page);
    await parameter(page, "Guidance").fill("50");
    await parameter(page, "Temperature").fill("-1");
    await generateButton(page).click();
    await fieldError(page, "guidance_scale").waitFor();
    await fieldError(page, "temperature").waitFor();
    await parameter(page, "Guidance").fill("5");
    expect(await fieldError(page, "guidance_scale").isHidden()).toBe(true);
    await parameter(page, "Temperature").fill("1");
    await seedBox(page).fill("12");
    await generateButton(page).click();
    await imageOf(page, "star", 12);
  });

  it("for the class comes with a suggestion", async () => {
    const { page } = await service.visit();
    await classBox(page).fill("musrhoom");
    await page.keyboard.press("Escape");
    await generateButton(page).click();
    await fieldError(page, "class").filter({ hasText: 'did you mean "mushroom"?' }).waitFor();
  });
});

describe("a full queue", () => {
  it("shows a countdown to the next attempt", async () => {
    // A new server has not measured its rate yet, and asks for a short time only.
    await service.kill();
    await service.start();
    const { page } = await service.visit();
    const letGo = await service.occupyEngine(20);
    // Two images are in the engine and no longer count; the queue has no room for eight more.
    await imageCount(page).fill("8");
    await generateButton(page).click();
    await page.getByRole("alert").filter({ hasText: "The queue is full; try again later." }).waitFor();
    const waiting = page.getByRole("button", { name: /^Try again in \d+ s$/ });
    await waiting.waitFor();
    expect(await waiting.isDisabled()).toBe(true);
    const seconds = async () =>
      Number(/\d+/.exec((await page.locator("#generate-label").textContent()) ?? "")?.[0] ?? 0);
    const first = await seconds();
    await expect.poll(seconds).toBeLessThan(first);
    await letGo();
    await page.getByRole("button", { name: "Generate" }).waitFor();
    await imageCount(page).fill("1");
    await seedBox(page).fill("13");
    await generateButton(page).click();
    await imageOf(page, "star", 13);
  });
});

describe("a broken connection", () => {
  it("resumes after the last event, and the image arrives", async () => {
    const proxy = new FaultyProxy(service.address);
    try {
      const { page, requests } = await service.browser.visit(await proxy.address());
      const resumed: string[] = [];
      page.on("request", async (request) => {
        if (request.url().includes("/events")) resumed.push((await request.headerValue("last-event-id")) ?? "none");
      });
      await imageCount(page).fill("3");
      await page.getByRole("radio", { name: "exact" }).check();
      await seedBox(page).fill("14");
      await generateButton(page).click();
      await page.locator(".tile img[src^='data:']").first().waitFor();
      proxy.sever();
      await imageOf(page, "star", 14);
      await expect.poll(() => resumed.length).toBeGreaterThan(1);
      expect(resumed[0]).toBe("none");
      for (const id of resumed.slice(1)) expect(Number(id)).toBeGreaterThan(1);
      expect(requests.filter((request) => request.startsWith("POST"))).toHaveLength(1);
      expect(await gallery(page).getByRole("img").count()).toBe(3);
    } finally {
      await proxy.close();
    }
  });
});

describe("an unreachable server", () => {
  it("is reported, and the page recovers by itself once the server is back", async () => {
    const { page } = await service.visit();
    await service.kill();
    await seedBox(page).fill("15");
    await generateButton(page).click();
    await banner(page).filter({ hasText: "The server does not respond. Reconnecting …" }).waitFor();
    expect(await generateButton(page).isEnabled()).toBe(true);
    const back = banner(page).filter({ hasText: "Connected again." }).waitFor();
    await service.start();
    await back;
    await generateButton(page).click();
    await imageOf(page, "star", 15);
    // The message stays for some seconds.
    await expect.poll(() => banner(page).textContent()).toBe("");
    expect(await page.locator("#form-problem").isHidden()).toBe(true);
  });

  it("loses a job that was in memory; one click submits it again", async () => {
    const { page } = await service.visit();
    await imageCount(page).fill("8");
    await page.getByRole("radio", { name: "exact" }).check();
    await seedBox(page).fill("16");
    await generateButton(page).click();
    await page.locator(".tile img[src^='data:']").first().waitFor();
    await service.kill();
    await banner(page).filter({ hasText: "The server does not respond." }).waitFor();
    await service.start();
    await problem(page).filter({ hasText: "The server was restarted and lost this job." }).waitFor();
    await imageCount(page).fill("1");
    await page.getByRole("radio", { name: "fast" }).check();
    await problem(page).getByRole("button", { name: "Try again" }).click();
    await imageOf(page, "star", 16);
    expect(await problem(page).isHidden()).toBe(true);
  });

  it("is waited for while the page loads", async () => {
    const proxy = new FaultyProxy(service.address);
    try {
      const address = await proxy.address();
      const { page } = await service.browser.open(address);
      await generateButton(page).waitFor();
      // The page's files come from the browser's cache, its data from an unreachable server.
      await page.route(`${address}/models`, (route) => route.abort("connectionrefused"));
      await page.reload();
      await banner(page).filter({ hasText: "The server does not respond." }).waitFor();
      await page.unroute(`${address}/models`);
      await generateButton(page).waitFor();
    } finally {
      await proxy.close();
    }
  });
});
