import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { generate } from "../commands/marimba.js";
import { findings } from "./axe.js";
import { OTHER, usePlayground } from "./playground.js";
import { dialog, download, gallery, generateButton, imageCount, imageOf, PHONE, seedBox, widthOf } from "./visitor.js";

const service = usePlayground();
const SIDE = 64;
const TOKEN = 8;

const paper = (page: Page) => page.getByRole("application", { name: "The image and its mask" });
const redraw = (page: Page) => page.getByRole("button", { name: "Redraw" });
const facts = (page: Page) => page.locator("#editor-facts");
const editorError = (page: Page) => page.locator("#editor-error");

/** RGBA of an image file. */
async function pixelsOf(bytes: Uint8Array): Promise<{ data: Buffer; width: number; height: number }> {
  const { data, info } = await sharp(bytes).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** The bytes of a data URL. */
const bytesOf = (url: string) => Buffer.from(url.split(",")[1]!, "base64");

/** A star from the server as the file of a user. */
async function starFile(): Promise<{ name: string; mimeType: string; buffer: Buffer }> {
  const answer = await generate(service.address, { class: "star", seed: 7, preset: "fast" });
  return { name: "star.png", mimeType: "image/png", buffer: Buffer.from(await answer.arrayBuffer()) };
}

/** The page in Edit mode with an open image, and the body of its next request. */
async function openEditor(options = {}) {
  const visit = await service.visit(options);
  const { page } = visit;
  await page.getByRole("radio", { name: "Edit" }).check();
  const file = await starFile();
  await page.locator("#file").setInputFiles(file);
  await paper(page).waitFor();
  await page.getByRole("radio", { name: "fast" }).check();
  const sent = () => page.waitForRequest(`${service.address}/edits`).then((request) => request.postDataJSON());
  return { ...visit, file, sent };
}

/** Paints a line with the pointer; places are shares of the shown image's width and height. */
async function paint(page: Page, ...places: (readonly [number, number])[]): Promise<void> {
  await paper(page).scrollIntoViewIfNeeded();
  const box = (await paper(page).boundingBox())!;
  for (const [i, [x, y]] of places.entries()) {
    await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 3 });
    if (i === 0) await page.mouse.down();
  }
  await page.mouse.up();
}
