import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { appendFile, chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { readGpuOptions } from "../../bench/gpu/options.js";
import type { Results } from "../../bench/gpu/results.js";
import { eventually } from "../eventually.js";

const PACK = fileURLToPath(new URL("../../bench/gpu/pack.sh", import.meta.url));
const PART_MB = 8;

let folder: string;
let packed: string;
let packing: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "marimba-gpu-script-"));
  packed = join(folder, "packed");
  // The authors' code is not a part of this repository, and needs PyTorch: an empty file takes its place.
  const official = join(folder, "official");
  for (const room of ["models", "diffusion"]) await mkdir(join(official, room), { recursive: true });
  await writeFile(join(official, "models/mar.py"), "");
  // The Node.js that runs this test, instead of one from the network.
  const node = join(folder, "node");
  await writeFile(node, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`);
  await chmod(node, 0o755);
  packing = ["--official", official, "--node", node, "--without-gpu", "--part-mb", `${PART_MB}`];
  await promisify(execFile)("sh", [PACK, ...packing, "--into", packed]);
}, 600_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

/** Runs the packed script with the tiny model on the CPU. */
function start(out = join(folder, "out")): Started {
  const short = ["--batches", "2", "--rounds", "1", "--steps", "4", "--diffusion-steps", "4", "--every", "2"];
  const sides = ["--sides", "marimba-fp16,marimba-fp16-balanced,pytorch-bf16", "--python", "no-python-here"];
  const options = ["--provider", "cpu", "--models", "tiny", "--out", out, ...short, ...sides];
  const child = spawn("sh", [join(packed, "run.sh"), ...options], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  // The script, and what it has started; both have ended already unless the test failed.
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, "SIGKILL");
  });
  const ended = Promise.all([text(child.stderr), once(child, "close")]).then(([stderr, [code]]) => ({ code, stderr }));
  return { child, ended };
}

const runs = () => readFile(join(folder, "out/tiny/runs.jsonl"), "utf8").catch(() => "");

/** What pack.sh prints when it refuses its options. */
async function refusal(...options: string[]): Promise<string> {
  const failed = await promisify(execFile)("sh", [PACK, ...options]).then(
    () => undefined,
    (error: { code: number; stderr: string }) => error,
  );
  expect(failed?.code, options.join(" ")).toBe(2);
  return failed!.stderr;
}

const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8")) as Results;

describe("the options of the script for a machine with a GPU", () => {
  it.each(["rounds", "minutes", "batches"])("refuses --%s 0, and says what would be right", (name) => {
    expect(() => readGpuOptions([`--${name}`, "0"])).toThrow(`--${name} must be a whole number of at least 1, not 0.`);
  });
});

describe("packing", () => {
  it("refuses wrong options before it writes anything", async () => {
    const into = join(folder, "refused");
    for (const option of ["--official", "--into", "--node", "--part-mb"]) {
      expect(await refusal(option)).toBe(`${option} needs a value; --help describes it.\n`);
      expect(await refusal(option, "--with-cuda")).toBe(`${option} needs a value; --help describes it.\n`);
    }
    for (const size of ["0", "60", "100", "1.5", "x"])
      expect(await refusal(...packing, "--into", into, "--part-mb", size)).toBe(
        `--part-mb must be a whole number from 1 to 59, not ${size}.\n`,
      );
    expect(await refusal(...packing, "--into", into, "--node", "/nope")).toBe(
      "--node: /nope is no program that can be run here.\n",
    );
    expect(existsSync(into)).toBe(false);
  });

  it("refuses a folder that holds the user's own files, and leaves them", async () => {
    const into = join(folder, "mine");
    await mkdir(join(into, "kit"), { recursive: true });
    await writeFile(join(into, "kit/letter"), "mine");
    expect(await refusal(...packing, "--into", into)).toBe(
      `--into: ${into} is not empty, and has no earlier parts. Choose a new folder.\n`,
    );
    expect(await readFile(join(into, "kit/letter"), "utf8")).toBe("mine");
  });
});

describe("the script for a machine with a GPU and no network", () => {
  it("is packed in parts below the given size", async () => {
    const parts = (await readdir(packed)).filter((name) => name.startsWith("kit.tgz.part-"));
    expect(parts.length).toBeGreaterThan(1);
    for (const part of parts) expect((await stat(join(packed, part))).size).toBeLessThanOrEqual(PART_MB * 1e6);
    expect((await readdir(packed)).filter((name) => !parts.includes(name))).toEqual(["SHA256SUMS", "run.sh"]);
  });

  it("leaves a folder named kit that it did not unpack", { timeout: 600_000 }, async () => {
    const kit = join(packed, "kit");
    await mkdir(kit);
    await writeFile(join(kit, "letter"), "mine");
    const { code, stderr } = await start().ended;
    expect([code, stderr]).toEqual([
      1,
      `${kit} was not unpacked from the parts beside it. Move it away, with any results in it.\n`,
    ]);
    expect(await readFile(join(kit, "letter"), "utf8")).toBe("mine");
    await rm(kit, { recursive: true });
  });

  it("refuses a damaged part", { timeout: 600_000 }, async () => {
    const part = join(packed, "kit.tgz.part-001");
    const bytes = await readFile(part);
    await writeFile(part, bytes.subarray(1));
    const { code, stderr } = await start().ended;
    await writeFile(part, bytes);
    expect(code).toBe(1);
    expect(stderr).toContain("A part of the packed folder is missing or damaged; copy the folder again.");
  });

  it("goes on after a kill where it stopped, and reports everything in one JSON file and one table", {
    timeout: 600_000,
  }, async () => {
    const first = start();
    await eventually(async () => expect((await runs()).split("\n").length).toBeGreaterThan(1), 500_000);
    process.kill(-first.child.pid!, "SIGKILL");
    await first.ended;
    const kept = (await runs()).split("\n")[0]!;
    await appendFile(join(folder, "out/tiny/runs.jsonl"), '{"side":"marimba-f');

    const { code, stderr } = await start().ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain("Comparing");
    expect((await runs()).split("\n")[0]).toBe(kept);

    const results = await readJson(join(folder, "out/results.json"));
    expect(results.parity).toMatchObject({ holds: true, output: expect.stringContaining("Parity holds") });
    const { deviation, batches, failures, missing } = results.models.tiny!;
    // The tiny model's weights are random: a trained model deviates less.
    for (const { of, relativeRms } of deviation) expect(relativeRms, of).toBeLessThan(0.05);
    expect(deviation.map(({ of }) => of)).toEqual(["z", "sampled tokens", "pixels"]);
    expect(Object.keys(batches[0]!.runs)).toEqual(["marimba-fp16", "marimba-fp16-balanced"]);
    expect(batches[0]!.runs["marimba-fp16"]).toEqual([JSON.parse(kept)]);
    expect([failures, missing]).toEqual([[], 0]);

    const table = await readFile(join(folder, "out/results.md"), "utf8");
    expect(table).toContain(
      "- Left out: PyTorch, because no-python-here can't run the authors' code: there is no no-python-here.",
    );
    expect(table).toMatch(/\n\| +\| marimba-fp16 \| marimba-fp16-balanced \|\n/);
    expect(table).toMatch(/\n\| outside ONNX runs +\|/);
    expect(table).toContain(`\n- ${results.measured}\n`);
  });

  it("checks parity again if it did not hold", { timeout: 600_000 }, async () => {
    const path = join(folder, "out/results.json");
    const results = await readJson(path);
    await writeFile(path, JSON.stringify({ ...results, parity: { holds: false, output: "Parity does not hold." } }));
    const { code, stderr } = await start().ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("Comparing every stage");
    expect((await readJson(path)).parity).toEqual(results.parity);
  });

  it("refuses results of another commit, provider or GPU, or of an unknown machine, and names both", {
    timeout: 600_000,
  }, async () => {
    const out = join(folder, "other-out");
    await cp(join(folder, "out/results.json"), join(out, "results.json"));
    const path = join(out, "results.json");
    const results = await readJson(path);
    const here = results.measured;
    expect(here).toMatch(/^Marimba \d\S+ \(commit \S+\), provider cpu, CPU: ./);
    const refusalOf = (what: string) =>
      `${path} has results of ${what}.\nThis is ${here}.\nChoose another folder with --out.\n`;

    const onGpu = here.replace(/provider .*/, "provider cuda, GPU: NVIDIA H200, 143771 MiB, driver 570.86.15");
    for (const measured of [onGpu, here.replace(/commit [^)]+/, "commit 0123abc"), undefined]) {
      const text = JSON.stringify({ ...results, measured });
      await writeFile(path, text);
      const { code, stderr } = await start(out).ended;
      const named = measured ?? "an earlier version, which did not record its machine";
      expect([code, stderr]).toEqual([1, refusalOf(named)]);
      expect(await readFile(path, "utf8")).toBe(text);
    }
    expect(await readdir(out)).toEqual(["results.json"]);
  });

  it.each(['{"par\u0000', "", "null", "{}"])(
    "names results.json if it is damaged: %j",
    { timeout: 600_000 },
    async (text) => {
      const out = join(folder, "damaged");
      await mkdir(out, { recursive: true });
      const path = join(out, "results.json");
      await writeFile(path, text);
      const { code, stderr } = await start(out).ended;
      expect(code).toBe(1);
      expect(stderr.startsWith(`${path} is damaged (`), stderr).toBe(true);
      expect(stderr).toContain("). Choose another folder with --out, or restore the file from a copy.\n");
      expect(await readFile(path, "utf8")).toBe(text);
    },
  );
});
