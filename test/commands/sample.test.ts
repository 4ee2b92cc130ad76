import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSampleOptions } from "../../src/commands/sample-options.js";
import { readPngText } from "../worker/png-chunks.js";
import { importTinyModel, Marimba } from "./marimba.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-sample-"));
  await importTinyModel(join(folder, "models"));
});
afterAll(() => rm(folder, { recursive: true }));

const sample = (...args: string[]) => new Marimba(["sample", ...args], { MODELS_DIR: "models" }, folder).ended;

describe("marimba sample", () => {
  it("overwrites the file, tells the seed it drew, and leaves nothing else behind", async () => {
    await writeFile(join(folder, "out.png"), "old");
    const { code, stdout, stderr } = await sample("--class", "null", "--out", "out.png");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "out.png\n" });
    const text = readPngText(await readFile(join(folder, "out.png")));
    expect(text).toMatchObject({ class: "null", steps: "4" });
    expect(stderr).toMatch(new RegExp(`1 picture: 100 %\nModel demo, seed ${text.seed}\\.\n$`));
    expect((await readdir(folder)).sort()).toEqual(["models", "out.png"]);
  });

  it("lays a grid of the pictures that --num writes one by one", async () => {
    const shared = ["--class", "star", "--seed", "3", "--steps", "2"];
    expect((await sample(...shared, "--num", "6", "--out", "one.png")).stdout).toMatch(
      /^one-0\.png\n(.*\n){4}one-5\.png\n$/,
    );
    expect((await sample(...shared, "--grid", "3x2", "--out", "sheet.png")).code).toBe(0);
    const sheet = await readFile(join(folder, "sheet.png"));
    expect(await sharp(sheet).metadata()).toMatchObject({ width: 3 * 128, height: 2 * 128 });
    expect(readPngText(sheet)).toMatchObject({ seed: "3", image_index: "0 to 5" });
    for (let index = 0; index < 6; index++) {
      const place = { left: (index % 3) * 128, top: Math.floor(index / 3) * 128, width: 128, height: 128 };
      const part = await sharp(sheet).extract(place).raw().toBuffer();
      const one = await readFile(join(folder, `one-${index}.png`));
      expect(readPngText(one).image_index).toBe(String(index));
      expect(part.equals(await sharp(one).raw().toBuffer())).toBe(true);
    }
  });

  it("refuses what the model can't do, in a sentence", async () => {
    const { code, stderr } = await sample("--class", "stra", "--out", "x.png");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'class must be an index from 0 to 9, a class name of demo, or null, not "stra"; did you mean "star"?\n',
    });
    const nowhere = await sample("--class", "0", "--out", "no-such-folder/x.png");
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr.trim().split("\n").at(-1)).toMatch(/^ENOENT: .*no-such-folder/);
  });

  it("stops at Ctrl-C", async () => {
    const args = ["sample", "--class", "0", "--preset", "slow", "--num", "8", "--out", "slow.png"];
    const marimba = new Marimba(args, { MODELS_DIR: "models" }, folder);
    while (!marimba.stderr.includes("25 %")) await new Promise((resolve) => setTimeout(resolve, 50));
    marimba.kill("SIGINT");
    expect(await marimba.ended).toMatchObject({ code: 130, stdout: "" });
    expect((await readdir(folder)).filter((file) => file.startsWith("slow"))).toEqual([]);
  });
});

describe("readSampleOptions", () => {
  const read = (line: string) => readSampleOptions(line.split(" "));

  it("reads every parameter into its type", () => {
    expect(
      read(
        "--class star --seed 9007199254740991 --out a.png --num 2 --model m --preset p --steps 8 --guidance-scale 2.5 " +
          "--guidance-schedule constant --temperature 0.9 --diffusion-steps 50 --max-timestep 950 --order raster",
      ),
    ).toEqual({
      out: "a.png",
      request: {
        class: "star",
        seed: 2 ** 53 - 1,
        num_images: 2,
        model: "m",
        preset: "p",
        steps: 8,
        guidance_scale: 2.5,
        guidance_schedule: "constant",
        temperature: 0.9,
        diffusion_steps: 50,
        max_timestep: 950,
        order: "raster",
      },
    });
  });

  it("takes digits for a class index, null for none, and a grid for as many images", () => {
    expect(read("--class 7 --out a")).toEqual({ out: "a", request: { class: 7 } });
    expect(read("--class null --grid 4x3 --out a")).toEqual({
      out: "a",
      request: { class: null, num_images: 12 },
      grid: { columns: 4, rows: 3 },
    });
    expect(read("--help")).toBeUndefined();
  });

  it("names every option at fault", () => {
    expect(() => read("--steps many --num 0 --temperature 1e9 --seed -1")).toThrow(/argument is ambiguous|--seed/);
    expect(() => read("--steps many --num 0 --temperature 1e9")).toThrow(
      [
        "--out is required: the PNG to write.",
        "--class is required: an integer of at least 0 or a string of 1 to 200 characters or null.",
        "--num must be an integer of at least 1, not 0.",
        '--steps must be an integer of at least 1, not "many".',
        '--temperature must be a number from 0 to 2, not "1e9".',
      ].join("\n"),
    );
    for (const grid of ["4", "0x4", "4x33", "4x4x4"]) {
      expect(() => read(`--class 0 --out a --grid ${grid}`)).toThrow(/^--grid must be COLUMNSxROWS such as 4x4/);
    }
    expect(() => read("--class 0 --out a --grid 2x2 --num 4")).toThrow(/exclude each other/);
  });
});
