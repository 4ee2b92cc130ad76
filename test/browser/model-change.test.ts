import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { OTHER, usePlayground } from "./playground.js";
import { classBox, generateButton, holdBack, imageOf, seedBox } from "./visitor.js";

const service = usePlayground();

describe("a change of the model", () => {
  const model = (page: Page) => page.getByLabel("Model", { exact: true });

  it("loads its classes, and the new model generates the image", async () => {
    const { page } = await service.visit();
    await model(page).selectOption(OTHER);
    await classBox(page).fill("moon");
    await page.getByRole("option", { name: "other moon" }).click();
    await seedBox(page).fill("15");
    await generateButton(page).click();
    await imageOf(page, "other moon", 15);
  });

  it("keeps text typed while the classes load, and searches the new classes for it", async () => {
    const { page } = await service.visit();
    const held = await holdBack(page, `${service.address}/models/${OTHER}/classes`);
    await model(page).selectOption(OTHER);
    const late = await held.first();
    await classBox(page).fill("moon");
    await page.getByRole("option", { name: "moon", exact: true }).waitFor();
    await late.continue();
    await page.getByRole("option", { name: "other moon" }).click();
    expect(await classBox(page).inputValue()).toBe("other moon");
  });

  it("is typed over if the field has the focus when the classes arrive", async () => {
    const { page } = await service.visit();
    const held = await holdBack(page, `${service.address}/models/${OTHER}/classes`);
    await model(page).selectOption(OTHER);
    const late = await held.first();
    await classBox(page).focus();
    await late.continue();
    await expect.poll(() => classBox(page).inputValue()).toBe("other star");
    await page.keyboard.type("moon");
    expect(await classBox(page).inputValue()).toBe("moon");
    await page.getByRole("option", { name: "other moon" }).waitFor();
  });

  it("reports an unreachable server, and keeps the previous model", async () => {
    const { page } = await service.visit();
    await page.route(`${service.address}/models/${OTHER}/classes`, (route) => route.abort());
    await model(page).selectOption(OTHER);
    await page.getByText("The server does not respond.").first().waitFor();
    expect(await model(page).inputValue()).toBe("demo");
    expect(await classBox(page).inputValue()).toBe("star");
  });

  it("is the latest of two quick changes, regardless of which response arrives first", async () => {
    const { page } = await service.visit();
    const held = await holdBack(page, `${service.address}/models/${OTHER}/classes`);
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
    await imageOf(page, "star", 16);
    expect(await classBox(page).inputValue()).toBe("star");
  });
});
