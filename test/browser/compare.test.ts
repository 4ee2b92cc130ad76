import { describe, expect, it } from "vitest";
import { usePlayground } from "./playground.js";
import {
  cancelButton,
  dialog,
  download,
  fieldError,
  gallery,
  generateButton,
  note,
  openParameters,
  seedBox,
  widthOf,
} from "./visitor.js";

const service = usePlayground();

async function compare(over: string, values?: string, preset?: string) {
  const { page } = await service.visit();
  if (preset) await page.getByRole("radio", { name: preset }).check();
  await page.getByRole("radio", { name: "Compare" }).check();
  await page.getByLabel("Parameter to vary").selectOption(over);
  if (values !== undefined) await page.getByLabel("Values").fill(values);
  await seedBox(page).fill("5");
  const bodies: Record<string, unknown>[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/generate")) bodies.push(request.postDataJSON());
  });
  return { page, bodies };
}

describe("Compare", () => {
  it("generates an image for each value from one seed, with its time, and a summary", async () => {
    const { page, bodies } = await compare("Steps", "4, 64");
    expect(await generateButton(page).textContent()).toBe("Compare 2");
    await generateButton(page).click();
    await page.locator("#verdict").waitFor();
    expect(bodies).toEqual([
      { class: "star", seed: 5, steps: 4 },
      { class: "star", seed: 5, steps: 64 },
    ]);
    const cells = page.locator("#compare .cell");
    expect(await cells.getByRole("heading").allTextContents()).toEqual(["Steps 4", "Steps 64"]);
    for (const time of await cells.locator(".time").allTextContents()) expect(time).toMatch(/^[\d.]+ m?s$/);
    for (let i = 0; i < 2; i++) expect(await widthOf(cells.nth(i).getByRole("img"))).toBe(64);
    const fills = await cells
      .locator(".fill")
      .evaluateAll((bars: { style: { width: string } }[]) => bars.map(({ style }) => Number.parseFloat(style.width)));
    expect(Math.max(...fills)).toBe(100);
    // On a busy machine, an image with many steps may take no longer than one with few.
    expect(await page.locator("#verdict").textContent()).toMatch(
      /^Steps(: \d+ took [\d.]+ times as long as \d+ \([\d.]+ m?s and| does not change the time: about) [\d.]+ m?s/,
    );

    await cells.nth(0).getByRole("button").click();
    const { bytes } = await download(page);
    const answer = await fetch(`${service.address}/generate`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "image/png" },
      body: JSON.stringify(bodies[0]),
    });
    expect(bytes.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
    expect(await dialog(page).locator("#facts").textContent()).toContain("Steps4");
    await page.keyboard.press("Escape");
    await gallery(page).getByText("2 of at most 300").waitFor();
  });

  it.each([
    ["Guidance", "guidance_scale", [1, 2, 3, 4, 5]],
    ["Preset", "preset", ["exact", "balanced", "fast"]],
    ["Token order", "order", ["random", "raster", "checkerboard"]],
  ])("suggests values of %s", async (label, name, values) => {
    const { page, bodies } = await compare(label, undefined, "fast");
    expect(await page.getByLabel("Values").inputValue()).toBe(values.join(", "));
    await generateButton(page).click();
    await page.locator("#verdict").waitFor();
    expect(bodies.map((body) => body[name])).toEqual(values);
  });

  it("generates nothing more once a comparison is cancelled", async () => {
    const { page, bodies } = await compare("Steps", "2, 60, 61, 62, 63, 64");
    await openParameters(page);
    await page.getByRole("textbox", { name: "Diffusion steps", exact: true }).fill("200");
    await generateButton(page).click();
    await page.locator("#compare .cell.done").first().waitFor();
    await cancelButton(page).click();
    await note(page).filter({ hasText: "Cancelled." }).waitFor();
    expect(bodies.length).toBeLessThan(6);
    expect(await page.locator("#compare .time").last().textContent()).toBe("not generated");
    expect(await page.locator("#compare .cell").first().getByRole("img").isVisible()).toBe(true);
  });

  it.each([
    ["Steps", "8, 65", "“65” is not valid. Enter whole numbers from 1 to 64."],
    ["Steps", `8,${" ".repeat(250)}65`, "“65” is not valid. Enter whole numbers from 1 to 64."],
    ["Steps", "8, 9.5", "“9.5” is not valid. Enter whole numbers from 1 to 64."],
    ["Guidance", "2", "Enter at least two values"],
    ["Guidance", "1, two", "“two” is not valid. Enter numbers from 1 to 20."],
    ["Preset", "fast, slow", "“slow” is not valid. Choose from exact, balanced, fast."],
    ["Steps", "1,2,3,4,5,6,7,8,9,10,11,12,13", "Enter at most 12 values"],
  ])("shows an error at the field: %s, values %s", async (over, values, sentence) => {
    const { page, bodies } = await compare(over, values);
    await generateButton(page).click();
    await fieldError(page, "values").filter({ hasText: sentence }).waitFor();
    expect(await page.getByLabel("Values").getAttribute("aria-invalid")).toBe("true");
    expect(bodies).toEqual([]);
  });
});
