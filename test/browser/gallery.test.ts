import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { usePlayground } from "./playground.js";
import {
  classBox,
  dialog,
  download,
  gallery,
  generateButton,
  imageCount,
  imageOf,
  openParameters,
  parameter,
  seedBox,
  widthOf,
} from "./visitor.js";

const service = usePlayground();
const run = promisify(execFile);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-snippets-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function makeImage(page: Page, seed: number, images = 1): Promise<void> {
  await page.getByRole("radio", { name: "fast" }).check();
  await imageCount(page).fill(String(images));
  await seedBox(page).fill(String(seed));
  await generateButton(page).click();
  await imageOf(page, await classBox(page).inputValue(), seed);
}

/** Edits the only image of a seed, with as many results, and the same seed. */
async function editImage(page: Page, seed: number, images: number): Promise<void> {
  await kept(page, `star, seed ${seed}`).click();
  await dialog(page).getByRole("button", { name: "Edit", exact: true }).click();
  await page.getByRole("application").click();
  await makeImage(page, seed, images);
}

/** Saves the files that the shown programs read, and returns their names. */
async function saveInputs(page: Page): Promise<string[]> {
  const names = [];
  for (const link of await dialog(page).locator("#snippet-files a").all()) {
    const started = page.waitForEvent("download");
    await link.click();
    const file = await started;
    await file.saveAs(join(folder, file.suggestedFilename()));
    names.push(file.suggestedFilename());
  }
  return names;
}

const kept = (page: Page, name: string) => gallery(page).getByRole("button", { name, exact: true });

describe("the gallery", () => {
  it("keeps images across a reload, newest first, and forgets deleted ones", async () => {
    const { page } = await service.visit();
    expect(await gallery(page).isHidden()).toBe(true);
    await makeImage(page, 1);
    await makeImage(page, 2, 2);
    await page.reload();
    await kept(page, "star, seed 1").waitFor();
    const names = await gallery(page)
      .getByRole("img")
      .evaluateAll((images: { alt: string }[]) => images.map(({ alt }) => alt));
    expect(names).toEqual(["star, seed 2, image 0", "star, seed 2, image 1", "star, seed 1"]);
    expect(await widthOf(gallery(page).getByRole("img").last())).toBe(64);
    const caption = gallery(page).locator("figcaption").first();
    expect(await caption.locator("span").allTextContents()).toEqual(["star", "2/0"]);
    expect(await caption.getAttribute("title")).toBe("star · 2/0");

    await kept(page, "star, seed 2, image 0").hover();
    await gallery(page).getByRole("button", { name: "Delete star, seed 2, image 0" }).click();
    await kept(page, "star, seed 2, image 1").focus();
    await page.keyboard.press("Delete");
    await gallery(page).getByText("1 of at most 300").waitFor();
    await page.reload();
    await gallery(page).getByText("1 of at most 300").waitFor();

    const second = await page.context().newPage();
    await second.goto(service.address);
    await gallery(second).getByText("1 of at most 300").waitFor();
    await makeImage(page, 3);
    await kept(second, "star, seed 3").waitFor();
    expect(await gallery(second).getByRole("img").first().getAttribute("alt")).toBe("star, seed 3");
    await gallery(second).getByRole("button", { name: "Clear all" }).click();
    await dialog(second).getByText("2 images are stored").waitFor();
    // An image added while the dialog is open is not part of its question.
    await makeImage(page, 1);
    await dialog(second).getByRole("button", { name: "Delete all" }).click();
    for (const tab of [page, second]) {
      await gallery(tab).getByText("1 of at most 300").waitFor();
      expect(await kept(tab, "star, seed 1").count()).toBe(1);
    }
    await second.close();

    await gallery(page).getByRole("button", { name: "Clear all" }).click();
    await dialog(page).getByRole("button", { name: "Cancel" }).click();
    expect(await kept(page, "star, seed 1").isVisible()).toBe(true);
    await gallery(page).getByRole("button", { name: "Clear all" }).click();
    await dialog(page).getByRole("button", { name: "Delete all" }).click();
    await gallery(page).waitFor({ state: "hidden" });
    await page.reload();
    await generateButton(page).waitFor();
    expect(await gallery(page).isHidden()).toBe(true);
  });

  it("updates its count once all deletions are stored", async () => {
    const { page } = await service.visit();
    await makeImage(page, 1, 3);
    // Hold each deletion's transaction open until it is released.
    await page.evaluate(`
      const { transaction } = IDBDatabase.prototype;
      let count = 0;
      window.letGo = 0;
      IDBDatabase.prototype.transaction = function (...args) {
        const made = transaction.apply(this, args);
        if (args[1] !== "readwrite") return made;
        const own = ++count;
        const hold = () => {
          if (window.letGo < own) made.objectStore("pictures").count().onsuccess = hold;
        };
        hold();
        return made;
      };
      window.firstIsGone = new Promise((resolve) => {
        new BroadcastChannel("marimba.gallery").onmessage = resolve;
      });
      undefined;
    `);
    for (const index of [0, 1]) {
      await kept(page, `star, seed 1, image ${index}`).focus();
      await page.keyboard.press("Delete");
    }
    await page.evaluate("window.letGo = 1; window.firstIsGone.then(() => {})");
    const count = gallery(page).getByText(/of at most 300/);
    expect(await count.textContent()).toMatch(/^3 of/);
    await page.evaluate("window.letGo = 2");
    await gallery(page).getByText("1 of at most 300").waitFor();
    await page.reload();
    await gallery(page).getByText("1 of at most 300").waitFor();
  });

  it("drops the oldest images above its cap", async () => {
    const { page } = await service.visit();
    await makeImage(page, 1);
    // Fill the gallery up to its cap with copies.
    await page.evaluate(`new Promise((resolve, reject) => {
      const opening = indexedDB.open("marimba", 1);
      opening.onsuccess = () => {
        const transaction = opening.result.transaction("pictures", "readwrite");
        const images = transaction.objectStore("pictures");
        const reading = images.getAll();
        reading.onsuccess = () => {
          const [image] = reading.result;
          for (let i = 1; i < 300; i++) images.put({ ...image, id: "copy-" + i, seed: i, madeAt: image.madeAt - i });
        };
        transaction.oncomplete = () => { opening.result.close(); resolve(); };
        transaction.onerror = reject;
      };
    })`);
    await page.reload();
    await gallery(page).getByText("300 of at most 300").waitFor();
    expect(await kept(page, "star, seed 299").count()).toBe(1);
    await makeImage(page, 1000);
    expect(await kept(page, "star, seed 299").count()).toBe(0);
    await page.reload();
    await gallery(page).getByText("300 of at most 300").waitFor();
    expect(await kept(page, "star, seed 1000").count()).toBe(1);
    expect(await kept(page, "star, seed 299").count()).toBe(0);
  });
});

describe("the details", () => {
  it("show the parameters and timings of an image, and lead from image to image", async () => {
    const { page } = await service.visit();
    await makeImage(page, 4);
    await makeImage(page, 5);
    await kept(page, "star, seed 5").click();
    const facts = dialog(page).locator("#facts");
    expect(await facts.textContent()).toMatch(/Classstar \(0\)Seed5Modeldemo.*Presetfast.*Steps8.*Guidance2/);
    const spans = await dialog(page).locator(".spans div").allTextContents();
    expect(spans.map((text) => text.replace(/[\d.].*$/, ""))).toEqual([
      "Queue",
      "Batch wait",
      "Transformer",
      "Diffusion",
      "Decode",
      "Encode",
      "Total",
    ]);
    const parts = await dialog(page)
      .locator(".bar span")
      .evaluateAll((bars: { style: { flexGrow: string } }[]) => bars.map(({ style }) => Number(style.flexGrow)));
    expect(parts).toHaveLength(6);
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...parts)).toBeGreaterThan(0);

    await page.keyboard.press("ArrowRight");
    expect(await facts.textContent()).toContain("Seed4");
    await page.keyboard.press("ArrowLeft");
    expect(await facts.textContent()).toContain("Seed5");
    await page.keyboard.press("Escape");
    await dialog(page).waitFor({ state: "hidden" });
  });

  it("fill the form with the parameters of the image", async () => {
    const { page } = await service.visit();
    await page.getByRole("radio", { name: "boat" }).check();
    await openParameters(page);
    await parameter(page, "Guidance").fill("4");
    await makeImage(page, 6, 2);
    await page.getByRole("radio", { name: "cat" }).check();
    await page.getByRole("radio", { name: "exact" }).check();
    await parameter(page, "Guidance").fill("1");
    await imageCount(page).fill("1");
    await seedBox(page).fill("7");
    await kept(page, "boat, seed 6, image 1").click();
    await dialog(page).getByRole("button", { name: "Reuse these settings" }).click();
    const sent = page.waitForRequest(`${service.address}/generate`);
    await generateButton(page).click();
    expect((await sent).postDataJSON()).toEqual({
      class: "boat",
      seed: 6,
      num_images: 2,
      preset: "fast",
      guidance_scale: 4,
    });
  });

  it.each([
    ["a job's only image", 8, 1, 0, false],
    ["a job's third image", 9, 3, 2, false],
    ["a job's second edited image", 10, 2, 1, true],
  ])(
    "give programs that generate %s again, byte for byte: curl, TypeScript, Python",
    async (_, seed, images, index, isEdited) => {
      const { page } = await service.visit({ permissions: ["clipboard-read", "clipboard-write"] });
      await makeImage(page, seed, isEdited ? 1 : images);
      if (isEdited) await editImage(page, seed, images);
      await kept(page, images > 1 ? `star, seed ${seed}, image ${index}` : `star, seed ${seed}`).click();
      const { name, bytes } = await download(page);
      expect(name).toBe(`demo-star-seed-${seed}${images > 1 ? `-image-${index}` : ""}.png`);
      const inputs = await saveInputs(page);
      expect(inputs).toHaveLength(isEdited ? 2 : 0);
      for (const [tab, start] of [
        ["curl", runShell],
        ["TypeScript", runTypeScript],
        ["Python", runPython],
      ] as const) {
        await dialog(page).getByRole("tab", { name: tab }).click();
        const isCopied = dialog(page).getByRole("button", { name: "Copied" }).waitFor();
        await dialog(page).getByRole("button", { name: "Copy", exact: true }).click();
        await isCopied;
        await start(await page.evaluate<string>("navigator.clipboard.readText()"));
        const made = (await readdir(folder)).filter((file) => file.endsWith(".png"));
        expect(
          made.filter((file) => !inputs.includes(file)),
          tab,
        ).toEqual([name]);
        expect(bytes.equals(await readFile(join(folder, name))), tab).toBe(true);
        await rm(join(folder, name));
        await dialog(page).getByRole("button", { name: "Copy", exact: true }).waitFor();
      }
      for (const file of inputs) await rm(join(folder, file));
    },
  );
});

const runShell = (text: string) => run("sh", ["-ec", text], { cwd: folder });

async function runTypeScript(text: string): Promise<void> {
  const { outputText, diagnostics } = ts.transpileModule(text, {
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
  });
  expect(diagnostics).toEqual([]);
  await writeFile(join(folder, "snippet.mjs"), outputText);
  await run(process.execPath, ["snippet.mjs"], { cwd: folder });
}

async function runPython(text: string): Promise<void> {
  await writeFile(join(folder, "snippet.py"), text);
  await run("python3", ["snippet.py"], { cwd: folder });
}
