import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { usePlayground } from "./playground.js";
import {
  classBox,
  DESKTOP,
  dialog,
  fieldError,
  gallery,
  generateButton,
  holdBack,
  imageOf,
  openParameters,
  PHONE,
  parameter,
  seedBox,
} from "./visitor.js";

const service = usePlayground();
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The serious and critical findings of axe, with their elements. */
async function findings(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}

describe("axe finds no serious problem", () => {
  // Each layout and each colour scheme once: the colours do not depend on the layout.
  it.each([
    ["desktop, dark", { ...DESKTOP, colorScheme: "dark" }],
    ["phone, light", { ...PHONE, colorScheme: "light" }],
  ] as const)("in any state of the page: %s", async (_, options) => {
    const { page } = await service.visit({ ...options, reducedMotion: "reduce" });
    const seen: Record<string, string[]> = {};
    const look = async (state: string) => {
      seen[state] = await findings(page);
    };
    await look("empty");
    await classBox(page).fill("m");
    await page.getByRole("option", { name: "moon" }).waitFor();
    await look("list of classes");
    await page.keyboard.press("Enter");
    await page.getByRole("radio", { name: "fast" }).check();
    await openParameters(page);
    await parameter(page, "Guidance").fill("3");
    await look("parameters");
    await seedBox(page).fill("7");
    const events = await holdBack(page, "**/jobs/*/events?*");
    await generateButton(page).click();
    await page.getByRole("button", { name: "Cancel" }).waitFor();
    await look("generating");
    await events.stop();
    await imageOf(page, "moon", 7);
    await look("done");
    await gallery(page).getByRole("button", { name: "moon, seed 7", exact: true }).click();
    await look("detail");
    await page.keyboard.press("Escape");
    await gallery(page).getByRole("button", { name: "Clear all" }).click();
    await look("question");
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    await parameter(page, "Guidance").fill("50");
    await generateButton(page).click();
    await fieldError(page, "guidance_scale").waitFor();
    await look("error");
    await parameter(page, "Guidance").fill("3");
    await page.getByRole("radio", { name: "Compare" }).check();
    await page.getByLabel("Parameter to vary").selectOption("Steps");
    await page.getByLabel("Values").fill("4, 8");
    await generateButton(page).click();
    await page.locator("#verdict").waitFor();
    await look("compare");
    await page.getByRole("radio", { name: "Edit" }).check();
    await look("editor");
    await gallery(page).getByRole("button", { name: "moon, seed 7", exact: true }).first().click();
    await dialog(page).getByRole("button", { name: "Edit", exact: true }).click();
    await page.getByRole("application").click();
    await page.locator("#editor").getByRole("button", { name: "Extend the image on the left" }).click();
    await look("mask");
    await seedBox(page).fill("8");
    await generateButton(page).click();
    await page.locator("#stage").getByRole("slider", { name: "Before" }).waitFor();
    await look("edited");
    expect(Object.keys(seen)).toHaveLength(12);
    expect(Object.fromEntries(Object.entries(seen).filter(([, found]) => found.length > 0))).toEqual({});
  });

  it("and would report a button without a name", async () => {
    const { page } = await service.visit();
    await page.evaluate("document.querySelector('main').append(document.createElement('button'))");
    expect((await findings(page)).join()).toContain("button-name");
  });
});
