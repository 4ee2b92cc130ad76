import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEvaluateOptions } from "../../../src/commands/evaluation/options.js";
import { writeStatistics } from "../../../src/evaluation/reference.js";
import { eventually } from "../../eventually.js";
import { readPngText } from "../../worker/png-chunks.js";
import { type Ended, Marimba } from "../marimba.js";

const MODELS_DIR = fileURLToPath(new URL("../../../models", import.meta.url));
const SOURCES = fileURLToPath(new URL("../../../src", import.meta.url));
const IMAGES = 72;
/** Too little noise, no guidance, and diffusion that begins where it should be half done. */
const BROKEN = ["--temperature", "0.5", "--guidance-scale", "1", "--max-timestep", "500"];
/** What is to be equal is so with few resamples, too. */
const FEW_RESAMPLES = ["--bootstrap", "20"];
/** Rough, and so quick. */
const SAMPLER = ["--steps", "8", "--diffusion-steps", "8", "--seed", "5"];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-evaluate-"));
});
afterAll(() => rm(folder, { recursive: true }));

const evaluate = (...args: string[]) => new Marimba(["evaluate", ...args], { MODELS_DIR });
const made = (out: string, ...args: string[]) =>
  evaluate("--out", join(folder, out), "--num", String(IMAGES), ...SAMPLER, ...args);
const result = async (out: string) => JSON.parse(await readFile(join(folder, out, "result.json"), "utf8"));
const imageCount = async (out: string) => {
  const names = await readdir(join(folder, out, "images")).catch(() => []);
  return names.filter((name) => name.endsWith(".png")).length;
};

function expectSuccess({ code, stderr }: Ended): void {
  expect(stderr).not.toMatch(/error/i);
  expect(code).toBe(0);
}

describe("marimba evaluate", () => {
  it("gives after a kill -9 what it gives undisturbed", { timeout: 240_000 }, async () => {
    const whole = await made("whole", ...FEW_RESAMPLES).ended;
    expectSuccess(whole);
    expect(whole.stdout).toMatch(/^Images +72\nFréchet distance +[\d.]+ \(95 %: [\d.]+ to [\d.]+\)\nInception Score/);

    const killed = made("resumed", ...FEW_RESAMPLES);
    await eventually(async () => expect(await imageCount("resumed")).toBeGreaterThanOrEqual(6));
    killed.kill("SIGKILL");
    await killed.ended;
    const before = await imageCount("resumed");
    expect(before).toBeLessThan(IMAGES);
    const resumed = await made("resumed", "--npz", ...FEW_RESAMPLES).ended;
    expectSuccess(resumed);
    expect(resumed.stdout).toBe(whole.stdout);
    const { ms_per_image, ...rest } = await result("whole");
    expect(ms_per_image).toBeGreaterThan(0);
    expect(await result("resumed")).toMatchObject(rest);

    const image = await readFile(join(folder, "resumed", "images", "000013.png"));
    expect(image).toEqual(await readFile(join(folder, "whole", "images", "000013.png")));
    expect(readPngText(image)).toMatchObject({ class: "1", class_name: "heart", seed: "5", image_index: "13" });
  });

  it("measures an .npz and a folder alike", async () => {
    const classes = ["--classes", "12", ...FEW_RESAMPLES];
    const fromNpz = await evaluate("--images", join(folder, "resumed", "images.npz"), ...classes).ended;
    const copy = ["--out", join(folder, "copies", "one"), "--npz"];
    const fromFolder = await evaluate("--images", join(folder, "whole", "images"), ...classes, ...copy).ended;
    expectSuccess(fromNpz);
    expectSuccess(fromFolder);
    expect(fromNpz.stdout).toBe(fromFolder.stdout);
    for (const [i, name] of (await readdir(join(folder, "whole", "images"))).sort().entries())
      await cp(join(folder, "whole", "images", name), join(folder, "halves", i < 36 ? "a" : "b", name));
    const fromSubfolders = await evaluate("--images", join(folder, "halves"), ...classes).ended;
    expect(fromSubfolders.stdout).toBe(fromFolder.stdout);
    const { frechet_distance } = await result("whole");
    expect(fromFolder.stdout).toContain(`Fréchet distance    ${Number(frechet_distance.toPrecision(4))} (`);
  });

  it("sees a broken sampler, beyond the interval", { timeout: 240_000 }, async () => {
    const compared = await made("broken", ...BROKEN, "--compare", join(folder, "whole")).ended;
    expectSuccess(compared);
    const [, low] = /\(95 %: ([+-][\d.]+) to \+/.exec(compared.stdout)!;
    expect(Number(low)).toBeGreaterThan(0);
  });

  it.each([
    [["--images", "whole/images", "--num", "100"], /whole\/images holds 72 images, not 100\.\n$/],
    [["--images", "whole/images", "--num", "60", "--compare", "whole"], /60 images can't .* the 72 of .*whole: /],
    [
      ["--out", "unmade", "--num", "20000", "--compare", "whole"],
      /20000 images can't .* the 72 of .*whole: the comparison is by pairs/,
    ],
    [
      ["--out", "unmade", "--num", "20000", "--compare", "none"],
      /none\/features\.npz can't be opened: there is no such/,
    ],
    [["--out", "unmade", "--num", "20000", "--write-reference", "none/x.npz"], /none can't be .*: there is no such/],
  ])("says before it begins what could only fail at the end: %j", async (args, message) => {
    const isPath = (arg: string) => /^(whole|unmade|none)/.test(arg);
    const { code, stderr } = await evaluate(...args.map((arg) => (isPath(arg) ? join(folder, arg) : arg))).ended;
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
    expect(await readdir(folder)).not.toContain("unmade");
  });

  it("tries the network before it begins", async () => {
    const twoWide = { count: 3, width: 2, values: Float32Array.of(0, 1, 2, 3, 4, 6) };
    await writeStatistics(join(folder, "two.npz"), twoWide, 3);
    const args = ["--out", join(folder, "unmade"), "--num", "20000", "--reference", join(folder, "two.npz")];
    const { code, stderr } = await evaluate(...args).ended;
    expect(stderr).toBe(`The network gives 96 features, and ${join(folder, "two.npz")} has 2.\n`);
    expect(code).toBe(1);
    expect(await readdir(folder)).not.toContain("unmade");
  });

  it("goes on in a folder of the same settings alone", async () => {
    const { code, stderr } = await made("whole", "--temperature", "0.5").ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/whole holds images of other settings .*; name another folder, or remove it\.\n$/);
  });

  it.each([
    [["--images", "none"], /none can't be .*: there is no such file or folder/],
    [["--images", SOURCES], /There are no images in .*src, nor in its subfolders\./],
    [
      ["--images", MODELS_DIR, "--features", join(MODELS_DIR, "demo", "decode.onnx")],
      /decode\.onnx is not a feature network/,
    ],
    [
      ["--out", "x", "--reference", join(MODELS_DIR, "demo", "model.json")],
      /model\.json is not an \.npz file: .*[^.]\.\n$/,
    ],
    [["--out", "x", "--features", "none.onnx"], /^There is no feature network none\.onnx: name one with --features/],
    [["--out", "x", "--reference", "none.npz"], /none\.npz can't be opened: there is no such file/],
  ])("says what is wrong: %j", async (args, message) => {
    const { code, stderr } = await evaluate(...args).ended;
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });
});

describe("readEvaluateOptions", () => {
  it("has the protocol's settings where nothing is said", () => {
    expect(readEvaluateOptions(["--out", "a", "--preset", "exact"])).toMatchObject({
      request: { preset: "exact" },
      num: 5000,
      seed: 0,
      resamples: 200,
      neighbours: 3,
      manifoldImages: 10_000,
    });
  });

  it("names every option at fault", () => {
    const line = "--num 1 --seed 1.5 --steps many --bootstrap -1 --npz";
    expect(() => readEvaluateOptions(line.split(" "))).toThrow(
      /--steps must be .*\n--out is required.*\n--npz needs --out.*\n--num must be a whole number from 2 .*\n--seed .*\n--bootstrap/,
    );
  });

  it.each([
    ["--images a --preset fast --seed 0 --guidance-scale 2", /^--preset, --guidance-scale, --seed .* leave them out/],
    ["--out a --write-reference b --compare c --bootstrap 9", /^--compare, --bootstrap .* leave them out/],
    ["--out a --manifold 3", /^--manifold must be more than --neighbours \(3\), or 0, not 3\.$/],
    ["--out a --num 20 --neighbours 20", /^--neighbours must be less than the number of images \(20\), not 20\.$/],
  ])("refuses what would be ignored or fail at the end: %s", (line, message) => {
    expect(() => readEvaluateOptions(line.split(" "))).toThrow(message);
  });

  it("leaves precision and recall out where nothing is said of them", () => {
    for (const line of ["--out a --num 2", "--out a --neighbours 20 --manifold 0 --num 10", "--images a --model b"])
      expect(readEvaluateOptions(line.split(" "))).toBeDefined();
  });
});
