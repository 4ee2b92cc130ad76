import { appendFile, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSweepOptions } from "../../../src/commands/sweep/options.js";
import { eventually } from "../../eventually.js";
import { importDit } from "../../families/dit/tiny-dit.js";
import { Marimba } from "../marimba.js";

const MODELS_DIR = fileURLToPath(new URL("../../../models", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-sweep-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Presets would take minutes: base and points are rough. */
const sweep = (...args: string[]) =>
  new Marimba(
    ["sweep", "--out", folder, "--num", "12", "--presets", "fast", "--base", "fast", "--bootstrap", "10", ...args],
    { MODELS_DIR },
  );
const lines = async () => (await readFile(join(folder, "results.jsonl"), "utf8")).trimEnd().split("\n");

describe("marimba sweep", () => {
  it("measures each point once, however often it is stopped", { timeout: 240_000 }, async () => {
    const points = [
      "--steps",
      "2,4",
      "--guidance-scale",
      "1",
      "--guidance-schedule",
      "linear,constant",
      "--rounds",
      "1",
    ];
    const stopped = sweep(...points);
    await eventually(() => expect(stopped.stderr).toContain("(3 of 5)"), 120_000);
    stopped.kill("SIGKILL");
    await stopped.ended;
    const before = await lines();
    expect(before.length).toBeGreaterThanOrEqual(2);
    await appendFile(join(folder, "results.jsonl"), '{"kind":"measured","name":"cut o');

    const { code, stdout, stderr } = await sweep(...points).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain("(1 of 5)");
    expect(stderr).toContain("guidance_scale 1 constant (5 of 5)");
    expect((await lines()).slice(0, 2)).toEqual(before.slice(0, 2));
    expect(stdout).toBe(await readFile(join(folder, "table.md"), "utf8"));
    const rows = stdout.trimEnd().split("\n").slice(2);
    const cells = rows.map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    expect(cells.map(([name]) => name)).toEqual([
      "fast",
      "steps 2",
      "steps 4",
      "guidance_scale 1 linear",
      "guidance_scale 1 constant",
    ]);
    expect(cells[0]!.slice(-2)).toEqual(["1", expect.stringMatching(/^(yes)?$/)]);
    expect(await readdir(join(folder, "points"))).toEqual([]);
    for (const name of ["tradeoff.svg", "sweeps.svg"]) {
      const svg = await readFile(join(folder, name), "utf8");
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="[\d ]+"/);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
    expect(await readFile(join(folder, "tradeoff.svg"), "utf8")).toMatch(/fast \(1×, recall \d/);
  });

  it("keeps apart what can't be compared", async () => {
    const { code, stderr } = await sweep("--seed", "7").ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/results of another sweep: seed is 0 there and 7 now; name another folder\.\n$/);
  });

  it("refuses values that the model can't take", async () => {
    const { code, stderr } = await sweep("--steps", "65").ended;
    expect(code).toBe(1);
    expect(stderr).toBe("steps must be a whole number from 1 to 64 (the model's tokens), not 65.\n");
  });

  it("refuses a base that the model hasn't, even where nothing varies it", async () => {
    const none = new Marimba(["sweep", "--out", folder, "--base", "nope"], { MODELS_DIR });
    const { code, stderr } = await none.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^preset must be .*, not "nope"\.\n$/);
  });
});

describe("marimba sweep of several models", () => {
  it("draws them on one chart over their steps, with one network and reference", { timeout: 240_000 }, async () => {
    const { folder: dit } = await importDit();
    const modelsDir = dirname(dit);
    await symlink(join(MODELS_DIR, "demo"), join(modelsDir, "demo"));
    const out = join(folder, "several");
    const line = `sweep --out ${out} --models demo,dit --steps 1,2,4 --presets fast --base fast --num 12 --bootstrap 10 --rounds 1`;
    const { code, stderr } = await new Marimba(line.split(" "), { MODELS_DIR: modelsDir }).ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("steps 1 is left out of dit: steps must be a whole number from 2 to 1000, not 1.");
    expect((await readdir(out)).sort()).toEqual(["demo", "dit", "models.svg"]);
    const svg = await readFile(join(out, "models.svg"), "utf8");
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    for (const name of ["demo", "dit"]) expect(svg).toContain(`>${name}</text>`);
    expect(svg.match(/<circle [^>]*r="4"/g)?.length).toBe(5);
    expect(await readFile(join(out, "dit/table.md"), "utf8")).toContain("steps 4");
  });
});

describe("readSweepOptions", () => {
  it("reads lists", () => {
    const options = readSweepOptions(["--out", "a", "--steps", "8, 16", "--temperature", "0.9"]);
    expect(options).toMatchObject({
      num: 1000,
      rounds: 3,
      guidanceSchedules: ["linear"],
      variations: [
        { field: "steps", values: [8, 16] },
        { field: "temperature", values: [0.9] },
      ],
    });
  });

  it("refuses schedules of guidance that is not varied", () => {
    expect(() => readSweepOptions(["--out", "a", "--guidance-schedule", "constant"])).toThrow(
      /^--guidance-schedule needs --guidance-scale\.$/,
    );
  });

  it("refuses several models without steps, and beside one", () => {
    expect(() => readSweepOptions("--out a --model b --models b,c".split(" "))).toThrow(
      /^--model and --models exclude each other\.\n--models needs --steps/,
    );
  });

  it("names every option at fault", () => {
    const line = "--steps 8,8 --temperature 3 --guidance-schedule cosine --rounds -1";
    expect(() => readSweepOptions(line.split(" "))).toThrow(
      /--steps must be at most 32 values .*\n--temperature must .*\n--guidance-schedule must .*\n--guidance-schedule needs .*\n--out is required.*\n--rounds/,
    );
  });
});
