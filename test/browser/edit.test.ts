import type { Page } from "playwright-core";
import sharp from "sharp";
import { describe, expect, it, onTestFinished } from "vitest";
import { exampleApi } from "../api/example-api.js";
import { generate } from "../commands/marimba.js";
import { usePlayground } from "./playground.js";
import { classBox, dialog, download, generateButton, imageCount, imageOf, PHONE, seedBox } from "./visitor.js";

const service = usePlayground();
const SIDE = 64;
const TOKEN = 8;

const paper = (page: Page) => page.getByRole("application", { name: "The image and its mask" });
const redraw = (page: Page) => page.getByRole("button", { name: "Redraw" });
const facts = (page: Page) => page.locator("#editor-facts");
const announced = (page: Page) => page.locator("#editor-status");
const extension = (page: Page) => page.locator("#extension");
const editorError = (page: Page) => page.locator("#editor-error");
const tool = (page: Page, name: string) => page.locator("#editor").getByRole("button", { name, exact: true });
const canUndo = async (page: Page) => (await tool(page, "Undo").getAttribute("aria-disabled")) === "false";
const slider = (page: Page) => page.locator("#stage").getByRole("slider", { name: "Before" });
const edges = (page: Page) => page.locator("#board").getByRole("button");

interface Image {
  readonly width: number;
  readonly height: number;
  /** [height, width, 4] */
  readonly rgba: Buffer;
}

async function read(file: Uint8Array): Promise<Image> {
  const { data, info } = await sharp(file).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgba: data };
}

const readUrl = (url: string) => read(Buffer.from(url.slice(url.indexOf(",") + 1), "base64"));

/** The pixels in which two images of the same size differ, each [x, y]. */
function differences(a: Image, b: Image): [number, number][] {
  const pixel = ({ rgba }: Image, i: number) => rgba.readUInt32BE(4 * i);
  return Array.from({ length: a.width * a.height }, (_, i) => i)
    .filter((i) => pixel(a, i) !== pixel(b, i))
    .map((i) => [i % a.width, Math.floor(i / a.width)]);
}

const isMasked = ({ width, rgba }: Image, [x, y]: readonly [number, number]) => rgba[4 * (y * width + x) + 3] === 0;

/** A star as the file of a user. */
async function starFile() {
  const answer = await generate(service.address, { class: "star", seed: 7, preset: "fast" });
  return { name: "star.png", mimeType: "image/png", buffer: Buffer.from(await answer.arrayBuffer()) };
}

/** The page in Edit mode, with the preset `fast`; opens `file`, if there is one. */
async function visitEditor(file?: Awaited<ReturnType<typeof starFile>>, options = {}) {
  const { page, complaints } = await service.visit(options);
  await page.getByRole("radio", { name: "fast" }).check();
  await page.getByRole("radio", { name: "Edit" }).check();
  if (file) {
    await page.locator("#file").setInputFiles(file);
    await paper(page).waitFor();
  }
  /** The body of the next request. */
  const sent = () => page.waitForRequest(`${service.address}/edits`).then((request) => request.postDataJSON());
  return { page, complaints, sent };
}

/** Paints with the pointer from place to place: shares of the shown image's width and height. */
async function paint(page: Page, ...places: (readonly [number, number])[]): Promise<void> {
  await paper(page).scrollIntoViewIfNeeded();
  const box = (await paper(page).boundingBox())!;
  for (const [i, [x, y]] of places.entries()) {
    await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 4 });
    if (i === 0) await page.mouse.down();
  }
  await page.mouse.up();
}

/** The image file behind tile `index` of the stage. */
async function downloadTile(page: Page, index = 0): Promise<Buffer> {
  await page.locator("#tiles .open").nth(index).click();
  const { bytes } = await download(page);
  await page.keyboard.press("Escape");
  return bytes;
}

describe("Edit", () => {
  it("redraws what is painted over and nothing else, compares it with before, and edits the result further", async () => {
    const file = await starFile();
    const { page, complaints, sent } = await visitEditor(file);
    await facts(page).getByText("Paint over what the model should draw again").waitFor();
    await page.getByLabel("Size").fill(String(TOKEN));
    await paint(page, [0.07, 0.06], [0.18, 0.06]);
    await facts(page).getByText("6 of 64 tokens are drawn again.").waitFor();
    await page.getByText("Only the striped pixels change.").waitFor();
    await page.getByRole("textbox", { name: "Margin" }).fill("0");
    await facts(page).getByText("2 of 64 tokens are drawn again.").waitFor();
    await page.getByRole("radio", { name: "heart" }).check();
    await imageCount(page).fill("2");
    await seedBox(page).fill("41");
    const body = sent();
    await redraw(page).click();
    const { image, mask, ...fields } = await body;
    expect(fields).toEqual({ class: "heart", seed: 41, num_images: 2, preset: "fast", mask_grow: 0 });
    const original = await readUrl(image);
    expect(differences(original, await read(file.buffer))).toEqual([]);
    await imageOf(page, "heart", 41);

    const results = [await downloadTile(page, 0), await downloadTile(page, 1)];
    for (const result of results) {
      const changed = differences(original, await read(result));
      expect(changed.length).toBeGreaterThan(20);
      const painted = await readUrl(mask);
      for (const place of changed) expect(isMasked(painted, place)).toBe(true);
    }
    const hidden = () => page.evaluate("getComputedStyle(document.querySelector('#tiles .before')).clipPath");
    expect(await hidden()).toBe("inset(0px 100% 0px 0px)");
    await slider(page).fill("40");
    expect(await hidden()).toBe("inset(0px 60% 0px 0px)");

    const again = page.getByRole("button", { name: "Edit heart, seed 41, image 1" });
    const shown = (await page.locator("#tiles .open").nth(1).boundingBox())!;
    expect((await again.boundingBox())!.y).toBeGreaterThanOrEqual(shown.y + shown.height);
    await page.getByRole("radio", { name: "Eraser" }).check();
    await again.click();
    await facts(page).getByText("Paint over what the model should draw again").waitFor();
    expect(await page.getByRole("radio", { name: "Brush" }).isChecked()).toBe(true);
    await redraw(page).click();
    await editorError(page).getByText("Nothing is marked.").waitFor();
    await paint(page, [0.9, 0.9]);
    expect(await editorError(page).isHidden()).toBe(true);
    const next = sent();
    await redraw(page).click();
    expect(differences(await readUrl((await next).image), await read(results[1]!))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("is painted, resized, undone and submitted with the keyboard, and says so", async () => {
    const file = await starFile();
    const { page, sent } = await visitEditor(file);
    await page.getByLabel("Size").focus();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.id")).toBe("paper");
    await page.keyboard.press("ArrowLeft");
    // From the middle by half of the brush, which is one and a half tokens wide.
    const [row, column] = [SIDE / 2, SIDE / 2 - 0.75 * TOKEN];
    await announced(page)
      .getByText(`Row ${row + 1}, column ${column + 1}: not masked.`)
      .waitFor();
    for (let i = 0; i < 20; i++) await page.keyboard.press("[");
    await announced(page).getByText("Brush of 1 pixels.").waitFor();
    await page.keyboard.press("Space");
    await announced(page)
      .getByText(`Row ${row + 1}, column ${column + 1}: masked. 9 of 64 tokens are drawn again.`)
      .waitFor();
    await page.keyboard.down("Space");
    for (let i = 0; i < TOKEN; i++) await page.keyboard.press("ArrowDown");
    await page.keyboard.up("Space");
    await announced(page)
      .getByText(`Row ${row + 1 + TOKEN}, column ${column + 1}: masked. 12 of 64 tokens are drawn again.`)
      .waitFor();
    await page.keyboard.press("Control+z");
    await facts(page).getByText("9 of 64").waitFor();
    await page.keyboard.press("Control+Shift+z");
    await facts(page).getByText("12 of 64").waitFor();
    const body = sent();
    await page.keyboard.press("Control+Enter");
    const { image, mask, seed } = await body;
    const painted = await readUrl(mask);
    const places = Array.from({ length: TOKEN + 1 }, (_, i) => [column, row + i] as const);
    expect(places.every((place) => isMasked(painted, place))).toBe(true);
    await imageOf(page, "star", seed);
    for (const place of differences(await readUrl(image), await read(await downloadTile(page))))
      expect(isMasked(painted, place)).toBe(true);
    await tool(page, "Clear the mask").click();
    await facts(page).getByText("Paint over").waitFor();
    await tool(page, "Invert the mask").click();
    await facts(page).getByText("64 of 64").waitFor();
    await page.getByRole("radio", { name: "Eraser" }).check();
    await page.getByLabel("Size").fill(String(SIDE / 2));
    await paint(page, [0.05, 0.25], [0.95, 0.25]);
    await expect.poll(() => facts(page).textContent()).not.toMatch(/^64 of 64/);
    await tool(page, "Undo").click();
    await facts(page).getByText("64 of 64").waitFor();
  });

  it("extends an image by whole tokens where an edge is dragged or moved with the keyboard, again and again", async () => {
    const file = await starFile();
    const { page, sent } = await visitEditor(file);
    const edge = tool(page, "Extend the image on the right");
    const token = (await paper(page).boundingBox())!.width / (SIDE / TOKEN);
    const grip = (await edge.boundingBox())!;
    const [x, y] = [grip.x + grip.width / 2, grip.y + grip.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 2 * token, y, { steps: 5 });
    await page.mouse.up();
    await extension(page).getByText("2 columns of tokens added on the right.").waitFor();
    await tool(page, "Extend the image at the top").click();
    await announced(page).getByText("1 row of tokens added at the top. 2 columns on the right were removed.").waitFor();
    await tool(page, "Restore").click();
    await announced(page).getByText("2 columns of tokens added on the right.").waitFor();
    const margin = page.getByRole("textbox", { name: "Margin" });
    await margin.fill("6");
    await extension(page).getByText("1 column of tokens added on the right, the most with this margin.").waitFor();
    await margin.fill("7");
    await extension(page).getByText("This margin leaves no room to extend the image.").waitFor();
    await margin.fill("1");
    await extension(page).getByText("2 columns of tokens added on the right.").waitFor();
    await edge.focus();
    await page.keyboard.press("ArrowLeft");
    await extension(page).getByText("1 column of tokens added on the right.").waitFor();
    await facts(page).getByText("16 of 64 tokens are drawn again.").waitFor();
    // The first column of tokens lies outside the window.
    await paint(page, [0.01, 0.5]);
    expect(await canUndo(page)).toBe(false);
    const body = sent();
    await redraw(page).click();
    const { extend, mask, image, seed } = await body;
    expect([extend, mask]).toEqual([{ right: 1 }, undefined]);
    await imageOf(page, "star", seed, SIDE + TOKEN);
    await slider(page).fill("100");
    const tile = sharp(await page.locator("#tiles .open").screenshot());
    const { width, height } = await tile.metadata();
    const added = await tile
      .extract({
        left: Math.ceil(width * 0.91),
        top: Math.ceil(height * 0.2),
        width: Math.floor(width * 0.07),
        height: Math.floor(height * 0.6),
      })
      .png()
      .toBuffer();
    // Before, there was nothing.
    for (const { min, max } of (await sharp(added).stats()).channels) expect(max - min).toBe(0);
    const result = await read(await downloadTile(page));
    const kept = await sharp(result.rgba, { raw: { width: result.width, height: result.height, channels: 4 } })
      .extract({ left: 0, top: 0, width: SIDE, height: SIDE })
      .png()
      .toBuffer();
    expect(differences(await readUrl(image), await read(kept))).toEqual([]);

    await page.getByRole("button", { name: /^Edit star/ }).click();
    expect(await page.getByRole("radio", { name: "Keep" }).isChecked()).toBe(true);
    expect(await tool(page, "Extend the image at the top").count()).toBe(0);
    await tool(page, "Extend the image on the left").press("Enter");
    const further = sent();
    await redraw(page).click();
    expect((await further).extend).toEqual({ left: 1 });
    await imageOf(page, "star", (await further).seed, SIDE + 2 * TOKEN);
  });

  it("fits a dropped or pasted image of another size, and draws its borders and transparent pixels again", async () => {
    const { page, sent } = await visitEditor();
    const wide = await sharp({ create: { width: 200, height: 100, channels: 3, background: "#2060c0" } })
      .png()
      .toBuffer();
    const give = (kind: string, event: string) =>
      page.evaluate(`{
        const bytes = Uint8Array.from(atob("${wide.toString("base64")}"), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "wide.png", { type: "image/png" }));
        document.body.dispatchEvent(new ${event}("${kind}", {
          bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data,
        }));
      }`);
    await give("paste", "ClipboardEvent");
    await page.getByText("This image has 200 × 100 pixels. The model's images have 64 × 64.").waitFor();
    expect(await page.getByRole("radio", { name: "Crop" }).isChecked()).toBe(true);
    await give("drop", "DragEvent");
    await page.getByRole("radio", { name: "Add borders" }).check();
    await facts(page).getByText("48 of 64 tokens are drawn again.").waitFor();
    const body = sent();
    await redraw(page).click();
    const { image, mask, seed } = await body;
    const [fitted, painted] = [await readUrl(image), await readUrl(mask)];
    expect([fitted.width, fitted.height]).toEqual([SIDE, SIDE]);
    const rows = [SIDE / 4 - 1, SIDE / 4, (SIDE * 3) / 4 - 1, (SIDE * 3) / 4];
    expect(rows.map((row) => isMasked(painted, [0, row]))).toEqual([true, false, false, true]);
    await imageOf(page, "star", seed);
  });

  it("shows at the image what is wrong with it", async () => {
    const { page } = await visitEditor();
    await redraw(page).click();
    await editorError(page).getByText("Choose an image to edit.").waitFor();
    const text = { name: "note.png", mimeType: "image/png", buffer: Buffer.from("not an image") };
    await page.locator("#file").setInputFiles(text);
    await editorError(page).getByText("note.png cannot be read as an image.").waitFor();
    await page.locator("#file").setInputFiles(await starFile());
    await tool(page, "Extend the image on the right").click();
    // As if the server had another limit than the page.
    await page.route("**/edits", (route) => {
      const body = { ...route.request().postDataJSON(), extend: { right: 1000 } };
      return route.continue({ postData: JSON.stringify(body) });
    });
    await redraw(page).click();
    await editorError(page)
      .getByText(/^The extension must be at most 6 tokens/)
      .waitFor();
  });

  it("is restored by “Reuse these settings” and after a reload", async () => {
    const file = await starFile();
    const { page, sent } = await visitEditor(file);
    await paint(page, [0.5, 0.5]);
    await page.getByRole("textbox", { name: "Strength" }).fill("0.5");
    await facts(page)
      .getByText(/of the \d+ marked tokens/)
      .waitFor();
    await tool(page, "Extend the image at the bottom").click();
    await seedBox(page).fill("42");
    // The page is left while the job is under way.
    await page.route("**/jobs/*/events?*", () => {});
    const first = sent();
    await redraw(page).click();
    await expect.poll(() => page.evaluate<string>(`sessionStorage.getItem("marimba.work")`)).toContain("/jobs/");
    await page.unrouteAll();
    await page.reload();
    await imageOf(page, "star", 42);
    await extension(page).getByText("1 row of tokens added at the bottom.").waitFor();
    await tool(page, "Clear the mask").click();
    await page.getByRole("radio", { name: "Generate", exact: true }).check();
    await page.locator("#tiles .open").click();
    await dialog(page).getByRole("button", { name: "Reuse these settings" }).click();
    await paper(page).waitFor();
    const second = sent();
    await redraw(page).click();
    expect(await second).toEqual(await first);
    await imageOf(page, "star", 42);
    await tool(page, "Invert the mask").click();
    const described = (await facts(page).textContent())!;
    expect(described).not.toBe("");
    await page.reload();
    await facts(page).getByText(described).waitFor();
    await extension(page).getByText("1 row of tokens added at the bottom.").waitFor();
    expect(await page.getByRole("radio", { name: "Edit" }).isChecked()).toBe(true);
  });

  it("works with a finger on a very small phone", async () => {
    const file = await starFile();
    const { page } = await visitEditor(file, { ...PHONE, viewport: { width: 320, height: 640 } });
    await paper(page).scrollIntoViewIfNeeded();
    for (const edge of await edges(page).all()) {
      const { width, height } = (await edge.boundingBox())!;
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(32);
    }
    for (const one of await page.locator(".mask-tools").locator("button, label").all()) {
      const { width, height } = (await one.boundingBox())!;
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(40);
    }
    const box = (await paper(page).boundingBox())!;
    await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2);
    await facts(page).getByText("16 of 64 tokens are drawn again.").waitFor();
    await tool(page, "Extend the image at the top").tap();
    await extension(page).getByText("1 row of tokens added at the top.").waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(320);
  });
});

describe("a model without an encoder", () => {
  it("makes the page say why it edits no images", async () => {
    const api = await exampleApi();
    onTestFinished(() => api.close());
    const { page } = await service.browser.visit(await api.listen());
    await expect.poll(() => classBox(page).inputValue()).not.toBe("");
    await page.getByRole("radio", { name: "Edit" }).check();
    await page.getByText("This model cannot edit images, because it has no encoder.").waitFor();
    await generateButton(page).click();
    await editorError(page).getByText("This model cannot edit images").waitFor();
  });
});
