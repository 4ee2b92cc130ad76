import { execFileSync } from "node:child_process";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSampleOptions, usage } from "../../src/commands/sample.js";
import { EditOptions } from "../../src/editing/edit-request.js";
import { eventually } from "../eventually.js";
import { readPngText } from "../worker/png-chunks.js";
import { importTinyModel, Marimba, redirected } from "./marimba.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-sample-"));
  await importTinyModel(join(folder, "models"));
});
afterAll(() => rm(folder, { recursive: true }));

const sample = (...args: string[]) => new Marimba(["sample", ...args], { MODELS_DIR: "models" }, folder).ended;

describe("marimba sample", () => {
  it("overwrites the file, prints the seed it drew, and leaves nothing else behind", async () => {
    await writeFile(join(folder, "out.png"), "old");
    const { code, stdout, stderr } = await sample("--class", "null", "--out", "out.png");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "out.png\n" });
    const text = readPngText(await readFile(join(folder, "out.png")));
    expect(text).toMatchObject({ class: "null", steps: "4" });
    expect(stderr).toMatch(new RegExp(`^(steps: .*\n)*Model demo, seed ${text.seed}\\.\n$`));
    expect((await readdir(folder)).sort()).toEqual(["models", "out.png"]);
  });

  it("leaves nothing in the home folder, where ONNX Runtime's telemetry would keep an id of the machine", async () => {
    const HOME = await mkdtemp(join(tmpdir(), "marimba-home-"));
    const environment = { MODELS_DIR: "models", HOME };
    const { code } = await new Marimba(["sample", "--class", "0", "--out", "home.png"], environment, folder).ended;
    await rm(join(folder, "home.png"));
    expect([code, await readdir(HOME)]).toEqual([0, []]);
    await rm(HOME, { recursive: true });
  });

  it("lays a grid of the images that --num writes one by one", async () => {
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

  it("edits an image: what the mask leaves stays, byte for byte", async () => {
    const side = 128;
    const old = Uint8Array.from({ length: side * side * 3 }, (_, i) => 128 + 100 * Math.sin(i / 500));
    const mask = Uint8Array.from({ length: side * side }, (_, p) => (p % side < 40 ? 255 : 0));
    const raw = (channels: 1 | 3) => ({ raw: { width: side, height: side, channels } });
    await sharp(old, raw(3)).png().toFile(join(folder, "old.png"));
    await sharp(mask, raw(1)).png().toFile(join(folder, "mask.png"));
    const shared = ["--class", "star", "--seed", "3", "--steps", "60", "--image", "old.png"];
    const { code, stderr } = await sample(...shared, "--mask", "mask.png", "--mask-grow", "0", "--out", "new.png");
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("Model demo, seed 3.") });
    const file = await readFile(join(folder, "new.png"));
    expect(readPngText(file)).toMatchObject({ edited: "true", mask_grow: "0", strength: "1" });
    const drawn = await sharp(file).removeAlpha().raw().toBuffer();
    const changed = [0, 1].map((masked) =>
      drawn.filter((value, i) => Number(mask[Math.floor(i / 3)]! > 0) === masked && value !== old[i]),
    );
    expect(changed[0]).toHaveLength(0);
    expect(changed[1]!.length).toBeGreaterThan(5000);
    expect(await sample(...shared, "--out", "x.png")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("nothing is masked"),
    });
    expect(() => readSampleOptions(["--class", "star", "--out", "x.png", "--strength", "2"])).toThrow(
      /--strength must be.*\n--strength needs --image/,
    );
  });

  it("extends an image, and scales one of another size, as POST /edits does", async () => {
    const flat = { width: 300, height: 200, channels: 3 as const, background: "#2060a0" };
    await sharp({ create: flat }).png().toFile(join(folder, "flat.png"));
    const options = ["--image", "flat.png", "--fit", "stretch", "--extend", "left=2", "--feather", "3"];
    const { code, stderr } = await sample("--class", "null", "--seed", "3", ...options, "--out", "wide.png");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const wide = await readFile(join(folder, "wide.png"));
    expect(await sharp(wide).metadata()).toMatchObject({ width: 128 + 2 * 16, height: 128 });
    expect(readPngText(wide)).toMatchObject({ edited: "true", feather: "3" });
    const place = { left: 32, top: 0, width: 128, height: 128 };
    const kept = await sharp(wide).extract(place).removeAlpha().raw().toBuffer();
    expect([...new Set(kept)]).toEqual([0x20, 0x60, 0xa0]);
  });

  it("refuses a class that the model lacks, in a sentence", async () => {
    const { code, stderr } = await sample("--class", "stra", "--out", "x.png");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'class must be an index from 0 to 9, a class name of demo, or null, not "stra"; did you mean "star"?\n',
    });
  });

  it("checks before generating that the images can be written, and says in a sentence why not", async () => {
    await writeFile(join(folder, "plain"), "");
    await mkdir(join(folder, "images"));
    await symlink("circle.png", join(folder, "circle.png"));
    for (const [out, sentence] of [
      ["no-such-folder/x.png", "no-such-folder/x.png can't be written: there is no folder no-such-folder."],
      ["plain/x.png", "plain/x.png can't be written: a part of the path is a file, not a folder."],
      ["images", "images is a folder; --out names the image to write."],
      ["circle.png", "circle.png can't be written: its symbolic links form a loop."],
    ]) {
      expect(await sample("--class", "0", "--out", out!)).toMatchObject({ code: 1, stderr: `${sentence}\n` });
    }
    // By a link, so that a mistake replaces that and not the machine's device.
    await symlink("/dev/full", join(folder, "full"));
    expect(await sample("--class", "0", "--num", "2", "--out", "full")).toMatchObject({
      code: 1,
      stderr: "--num writes a file for each image, and full is not a file; --grid writes one sheet.\n",
    });
    const full = await sample("--class", "0", "--out", "full");
    expect(full).toMatchObject({ code: 1, stdout: "" });
    expect(full.stderr).toMatch(/^(steps: .*\n)*full can't be written: the disk is full\.\n$/);
  });

  it("writes to a pipe or device, and replaces the target of a symbolic link", async () => {
    const shared = ["--class", "star", "--seed", "5", "--steps", "1"];
    expect((await sample(...shared, "--out", "expected.png")).code).toBe(0);
    const expected = await readFile(join(folder, "expected.png"));

    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const [piped, { code }] = await Promise.all([readFile(pipe), sample(...shared, "--out", "pipe")]);
    expect(code).toBe(0);
    expect(piped.equals(expected)).toBe(true);
    expect((await lstat(pipe)).isFIFO()).toBe(true);

    await writeFile(join(folder, "target.png"), "old");
    await symlink("target.png", join(folder, "link.png"));
    await symlink("new.png", join(folder, "dangling.png"));
    for (const [link, target] of [
      ["link.png", "target.png"],
      ["dangling.png", "new.png"],
    ]) {
      expect(await sample(...shared, "--out", link!)).toMatchObject({ code: 0, stdout: `${link}\n` });
      expect((await lstat(join(folder, link!))).isSymbolicLink()).toBe(true);
      expect((await readFile(join(folder, target!))).equals(expected)).toBe(true);
    }
  });

  it("writes nothing but the image to the standard output if --out names it", async () => {
    // By a link, as above.
    await symlink("/dev/stdout", join(folder, "output"));
    const args = ["sample", "--class", "star", "--seed", "5", "--steps", "1", "--out"];
    expect((await new Marimba([...args, "plainly.png"], { MODELS_DIR: "models" }, folder).ended).code).toBe(0);
    const expected = await readFile(join(folder, "plainly.png"));
    for (const redirection of [">redirected.png", "| cat >redirected.png"]) {
      const { code } = await new Marimba([...args, "output"], { MODELS_DIR: "models" }, folder, redirected(redirection))
        .ended;
      expect(code).toBe(0);
      expect((await readFile(join(folder, "redirected.png"))).equals(expected)).toBe(true);
    }
  });

  it("generates a full sheet without a warning from Node", async () => {
    const { code, stderr } = await sample("--class", "0", "--grid", "4x4", "--steps", "1", "--out", "many.png");
    expect(code).toBe(0);
    expect(stderr).not.toMatch(/Warning/);
  });

  it("stops at Ctrl-C", async () => {
    const args = ["sample", "--class", "0", "--preset", "slow", "--num", "8", "--out", "slow.png"];
    const marimba = new Marimba(args, { MODELS_DIR: "models" }, folder);
    await eventually(() => expect(marimba.stderr).toMatch(/^steps: \d+ of 512, /m));
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
          "--guidance-schedule constant --temperature 0.9 --diffusion-steps 50 --diffusion-steps-final 5 --max-timestep 950 " +
          "--order checkerboard --reconstruction-steps 2 --decoder tokenizer",
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
        diffusion_steps_final: 5,
        max_timestep: 950,
        order: "checkerboard",
        reconstruction_steps: 2,
        decoder: "tokenizer",
      },
    });
  });

  it("reads digits as a class index, null as no class, and a grid as that many images", () => {
    expect(read("--class 7 --out a")).toEqual({ out: "a", request: { class: 7 } });
    expect(read("--class null --grid 4x3 --out a")).toEqual({
      out: "a",
      request: { class: null, num_images: 12 },
      grid: { columns: 4, rows: 3 },
    });
  });

  it("takes the format from the file's name unless it is stated", () => {
    const format = (line: string) => read(`--class 0 ${line}`).request.output_format;
    expect(["a.png", "a", "a.jpg", "a.JPEG", "a.webp"].map((out) => format(`--out ${out}`))).toEqual([
      undefined,
      undefined,
      "jpeg",
      "jpeg",
      "webp",
    ]);
    expect(format("--out a.jpg --output-format webp")).toBe("webp");
    expect(read("--class 0 --out a.jpg --output-compression 80").request).toMatchObject({ output_compression: 80 });
    expect(() => read("--class 0 --out a --output-format gif")).toThrow(/^--output-format must be "png" or "jpeg"/);
  });

  it("reads every field of an edit", () => {
    const all =
      "--mask-invert --mask-grow 0 --feather 2 --strength 0.5 --extend top=3 --fit cover --image i.png --mask m.png";
    expect(read(`--class 0 --out a ${all}`).edit).toEqual({
      image: "i.png",
      mask: "m.png",
      options: { mask_invert: true, mask_grow: 0, feather: 2, strength: 0.5, extend: { top: 3 }, fit: "cover" },
    });
    const fields = Object.keys(EditOptions.properties).map((field) => `--${field.replace("_", "-")}`);
    for (const option of fields)
      expect(
        [all, usage].every((text) => text.includes(option)),
        option,
      ).toBe(true);
    for (const extend of ["left", "left=0", "lefft=1", "left=1,right=1", "left="])
      expect(() => read(`--class 0 --out a --image i --extend ${extend}`)).toThrow(
        `--extend must be SIDE=N such as left=3: left, right, top or bottom, and 1 to 1024 tokens, not "${extend}".`,
      );
    expect(() => read("--class 0 --out a --image i --strength 0")).toThrow(/^--strength must be a number above 0/);
  });

  it("names every wrong option", () => {
    expect(() => read("--out a --class -1 --seed -1 --steps=-x")).toThrow(
      [
        "--class must be an integer of at least 0 or a string of 1 to 200 characters or null, not -1.",
        "--seed must be an integer from 0 to 9007199254740991, not -1.",
        '--steps must be an integer of at least 1, not "-x".',
      ].join("\n"),
    );
    for (const seed of ["9007199254740993", "9007199254740990.5"]) {
      expect(() => read(`--out a --class 0 --seed ${seed}`)).toThrow(`not "${seed}".`);
    }
    expect(() => read("--class 0 --class 1 --out a")).toThrow("--class is given twice; give it once.");
    expect(() => read("--steps many --num 0 --temperature 1e9")).toThrow(
      [
        "--out is required: the image to write.",
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
