import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../../src/engine/runtime/runtime.js";
import { compareFolder, compareRecording, compareScheduleFile } from "../../../src/evaluation/parity/parity.js";
import { type Line, Report } from "../../../src/evaluation/parity/report.js";
import { ParityModel } from "../../../src/families/mar/parity/model.js";
import { compareRun } from "../../../src/families/mar/parity/sampling.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { importModel } from "../../../src/importer/import.js";
import { marArchitecture } from "../../../src/model/manifest.js";
import { MAR_GRAPHS } from "../../model/tiny.js";
import { TINY } from "../../reference.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "marimba-recordings-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Header {
  __metadata__?: Record<string, string>;
  [name: string]: unknown;
}
interface Entry {
  shape: number[];
  data_offsets: [number, number];
}

/** Copies one of the reference's files under another name, changed. */
function copy(from: string, to: string, change: (header: Header, data: Buffer) => void = () => {}): void {
  const bytes = readFileSync(join(TINY, from));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + length)) as Header;
  const data = Buffer.from(bytes.subarray(8 + length));
  change(header, data);
  const text = JSON.stringify(header);
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  writeFileSync(join(folder, to), Buffer.concat([start, Buffer.from(text), data]));
}

function copyModel(): void {
  cpSync(join(TINY, "config.json"), join(folder, "config.json"));
  copy("mar.safetensors", "a.safetensors");
  copy("kl16.safetensors", "b.safetensors");
}

async function failures(): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const { report } of compareFolder(folder)) lines.push(...report.lines().filter((line) => line.failed > 0));
  return lines;
}

test("every file of the reference, in both containers, is within what is allowed", async () => {
  const titles = [];
  for await (const { title, report } of compareFolder(TINY)) {
    titles.push(title);
    expect(report.lines().filter((line) => line.failed > 0)).toEqual([]);
    expect(new Set(report.lines().map((line) => line.recording)).size).toBe(6);
    expect(report.compared).toBeGreaterThan(500);
  }
  expect(titles).toEqual(["checkpoint-last.pth and kl16.safetensors", "mar.safetensors and kl16.safetensors"]);
});

test("the integer schedules are the reference's in every case", async () => {
  const { report } = await compareScheduleFile(join(TINY, "../schedules.json"));
  expect(report.failed).toBe(false);
  expect(report.compared).toBe(336 + 999);
});

test("files are told by their content; a directory without recordings is an error", async () => {
  copyModel();
  await expect(failures()).rejects.toThrow(/has no recording/);
  copy("stages.safetensors", "c.safetensors");
  expect(await failures()).toEqual([]);
});

test("a file that is neither checkpoint nor recording is an error", async () => {
  copyModel();
  copy("stages.safetensors", "stages.safetensors");
  copy("stages.safetensors", "odd.safetensors", (header) => {
    header["other.0.tokens"] = header["predict.0.tokens"];
    delete header["predict.0.tokens"];
  });
  await expect(failures()).rejects.toThrow(/odd\.safetensors is neither a checkpoint nor a recording/);
});

describe("one run, changed", () => {
  let models: string;
  let model: ParityModel;
  let runtime: Runtime;
  beforeAll(async () => {
    models = mkdtempSync(join(tmpdir(), "marimba-parity-test-"));
    const { folder: imported, manifest } = await importModel({
      name: "tiny",
      generator: join(TINY, "mar.safetensors"),
      tokenizer: join(TINY, "kl16.safetensors"),
      arch: join(TINY, "config.json"),
      precision: "fp32",
      modelsDir: models,
      expose: true,
    });
    runtime = await openRuntime(imported, { threads: 1, graphs: MAR_GRAPHS });
    model = new ParityModel({ runtime, ...marArchitecture(manifest.architecture) });
  });
  afterAll(async () => {
    await runtime?.close();
    rmSync(models, { recursive: true, force: true });
  });

  async function failedStages(change: (header: Header, data: Buffer) => void): Promise<string[]> {
    copy("unconditional.safetensors", "run.safetensors", change);
    const report = new Report();
    const file = await openCheckpoint(join(folder, "run.safetensors"));
    await compareRecording(file, report, (recording) => compareRun(model, recording, report));
    await file.close();
    return report.lines().flatMap((line) => (line.failed > 0 ? [line.stage] : []));
  }

  test("unchanged, it passes", async () => {
    expect(await failedStages(() => {})).toEqual([]);
  });

  test.each([
    ["a number of z is NaN", ["z", "trace: network", "trace: result"], nudge("z.2", Number.NaN)],
    ["an encoder value is off by a thousandth", ["encoder"], nudge("encoder.2", 1e-3)],
    ["a decoder value is off by a thousandth", ["decoder"], nudge("decoder.2", 1e-3)],
    ["a traced network output is off by a thousandth", ["trace: network"], nudge("trace.out.2", 1e-3)],
    ["a sampled token is off by a hundredth", ["sampled tokens", "latents"], nudge("sampled.4", 1e-2)],
    ["guidance is off in its last bit", ["guidance"], nudge("cfg.3", 1.2e-7)],
    ["a latent is off by a hundredth", ["latents", "image"], nudge("latents", 1e-2)],
    ["an image is off by a thousandth", ["image"], nudge("image", 1e-3)],
    ["a tensor is missing", ["comparison"], rename("noise.3", "noize.3")],
    ["nothing compares a tensor", ["comparison"], rename("z.2", "y.2")],
    ["a tensor has another shape", ["z"], (header: Header) => reshape(header, "z.0", [4, 128])],
    ["the temperature is another", ["sampled tokens", "trace: result"], setMetadata("temperature", "0.95")],
    ["steps are missing", ["mask schedule"], setMetadata("num_iter", "6")],
    ["the guidance schedule is unknown", ["comparison"], setMetadata("cfg_schedule", '"sine"')],
  ] as const)("it fails where %s", async (_, stages, change) => {
    const failed = await failedStages(change);
    for (const stage of stages) expect(failed).toContain(stage);
  });
});

function rename(from: string, to: string) {
  return (header: Header) => {
    header[to] = header[from];
    delete header[from];
  };
}

function reshape(header: Header, name: string, shape: number[]): void {
  header[name] = { ...(header[name] as Entry), shape };
}

function setMetadata(key: string, value: string) {
  return (header: Header) => {
    header.__metadata__ = { ...header.__metadata__, [key]: value };
  };
}

/** Adds `by` root mean squares to the first number of a tensor. */
function nudge(name: string, by: number) {
  return (header: Header, data: Buffer) => {
    const [start, end] = (header[name] as Entry).data_offsets;
    let squares = 0;
    for (let i = start; i < end; i += 4) squares += data.readFloatLE(i) ** 2;
    const rms = Math.sqrt(squares / ((end - start) / 4));
    data.writeFloatLE(data.readFloatLE(start) + by * rms, start);
  };
}
