import { Writable } from "node:stream";
import { pino } from "pino";
import sharp from "sharp";
import { afterEach, describe, expect, it } from "vitest";
import { EngineFull } from "../../src/engine/engine.js";
import type { JobRecord, NewJob, OutputSize, Preview } from "../../src/job.js";
import type { ModelRegistry } from "../../src/model/registry.js";
import { LocalQueue } from "../../src/queue/local/local-queue.js";
import { encodeImage, imageFacts } from "../../src/worker/encode-image.js";
import { startWorker } from "../../src/worker/worker.js";
import { eventually } from "../eventually.js";
import { exampleManifest } from "../model/example-manifest.js";
import { exampleJob } from "../queue/example-job.js";
import { readPngText } from "./png-chunks.js";
import { previewPixels, TestEngine, testPixels } from "./test-engine.js";

const manifest = exampleManifest();
const models: ModelRegistry = {
  default: "demo",
  list: () => [manifest],
  get: () => manifest,
  folderOf: (name) => name,
};

let queue: LocalQueue;
const logged: string[] = [];
afterEach(async () => {
  await queue.close();
  logged.length = 0;
});

async function start(engine: TestEngine): Promise<void> {
  queue = new LocalQueue({ maxQueuedImages: 100, resultTtlMs: 60_000, maxResultBytes: 1e9, maxCanvasBytes: 1e9 });
  const log = new Writable({
    write: (line, _encoding, done) => {
      logged.push(String(line));
      done();
    },
  });
  const logger = pino({}, log);
  await startWorker({ source: queue, engines: new Map([["demo", engine]]), models, maxImages: 50, logger });
}

async function submit(fields: Partial<NewJob>): Promise<NewJob> {
  const spec = exampleJob(fields);
  expect((await queue.submit(spec)).kind).toBe("accepted");
  return spec;
}

async function finish({ id }: NewJob): Promise<JobRecord> {
  return (await queue.wait(id, 10_000))!;
}

describe("the worker", () => {
  it("stores every image of a job as the PNG of its own pixels", async () => {
    await start(new TestEngine());
    const spec = await submit({ num_images: 3, seed: 5 });
    const record = await finish(spec);
    expect(record.state).toBe("completed");
    for (const imageIndex of [0, 1, 2]) {
      const image = (await queue.image(spec.id, imageIndex))!;
      const request = { parameters: spec.parameters, seed: 5, imageIndex };
      expect(image).toMatchObject({ contentType: "image/png", width: 4, height: 2 });
      const pixels = new Uint8Array(await sharp(image.bytes).raw().toBuffer());
      expect(pixels).toEqual(testPixels(request));
      const alone = await encodeImage(
        { pixels: testPixels(request), width: 4, height: 2 },
        imageFacts(request, manifest),
      );
      expect(Buffer.from(image.bytes).equals(alone)).toBe(true);
    }
  });

  it("scales images to the size of the job, always to the same bytes", async () => {
    await start(new TestEngine());
    const scaled = async (size: Omit<OutputSize, "scaling">, scaling: OutputSize["scaling"]) => {
      const spec = await submit({ output_size: { ...size, scaling } });
      await finish(spec);
      const image = (await queue.image(spec.id, 0))!;
      expect(image).toMatchObject(size);
      expect(await sharp(image.bytes).metadata()).toMatchObject({ ...size, channels: 3 });
      const text = { width: `${size.width}`, height: `${size.height}`, scaling, generated_size: "4x2" };
      expect(readPngText(image.bytes)).toMatchObject(text);
      return Buffer.from(image.bytes);
    };
    const [large, small] = [
      { width: 40, height: 30 },
      { width: 3, height: 1 },
    ];
    for (const size of [large, small]) {
      const [first, again] = [await scaled(size, "smooth"), await scaled(size, "smooth")];
      expect(again.equals(first)).toBe(true);
    }
    const sharpEdged = await sharp(await scaled({ width: 12, height: 4 }, "pixelated"))
      .raw()
      .toBuffer();
    const { parameters, seed } = exampleJob();
    const pixels = testPixels({ parameters, seed, imageIndex: 0 });
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 12; x++) {
        const [from, to] = [(Math.floor(y / 2) * 4 + Math.floor(x / 3)) * 3, (y * 12 + x) * 3];
        expect([...sharpEdged.subarray(to, to + 3)]).toEqual([...pixels.subarray(from, from + 3)]);
      }
    }
  });

  it("writes model, seed and every resolved parameter into the PNG, and nothing that varies", async () => {
    await start(new TestEngine());
    const spec = await submit({
      num_images: 2,
      parameters: { ...exampleJob().parameters, class: 2, temperature: 0.95 },
    });
    await finish(spec);
    expect(readPngText((await queue.image(spec.id, 1))!.bytes)).toEqual({
      Software: "Marimba",
      model: "demo",
      model_hash: "a".repeat(64),
      class: "2",
      class_name: "crane, heron",
      seed: "7",
      image_index: "1",
      steps: "8",
      guidance_scale: "2",
      guidance_schedule: "linear",
      temperature: "0.95",
      diffusion_steps: "25",
      max_timestep: "950",
      order: "random",
    });
    const unconditional = await submit({ parameters: { ...spec.parameters, class: null } });
    await finish(unconditional);
    expect(readPngText((await queue.image(unconditional.id, 0))!.bytes)).toMatchObject({
      class: "null",
      class_name: "none",
    });
  });

  it("reports the steps of all images", async () => {
    await start(new TestEngine(undefined, ({ imageIndex }) => 1 + imageIndex * 6));
    const spec = await submit({ num_images: 3 });
    const steps: number[] = [];
    queue.subscribe(spec.id, { onChange: ({ progress }) => steps.push(progress?.step ?? 0) });
    expect((await finish(spec)).progress).toEqual({ step: 24, of: 24 });
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(new Set(steps).size).toBeGreaterThan(8);
  });

  it("shows images on their way, as PNGs, to who wants to see them", async () => {
    await start(new TestEngine(undefined, () => 10));
    // The first PNG of a process takes longer.
    await finish(await submit({}));
    // Far more steps than the previews that are waited for need.
    const spec = await submit({ num_images: 2, parameters: { ...exampleJob().parameters, steps: 5000 } });
    const shown: Preview[] = [];
    const shownOf = (imageIndex: number) => shown.filter((preview) => preview.imageIndex === imageIndex);
    queue.subscribe(spec.id, { onChange() {}, onPreview: (preview) => shown.push(preview) });
    for (const imageIndex of [0, 1]) {
      await expect.poll(() => shownOf(imageIndex).length, { timeout: 30_000 }).toBeGreaterThan(1);
    }
    await queue.cancel(spec.id, { code: "job_cancelled", detail: "It was seen enough of." });
    for (const imageIndex of [0, 1]) {
      const own = shownOf(imageIndex);
      const steps = own.map(({ step }) => step);
      expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
      for (const { bytes, step, of, contentType } of own) {
        expect([of, contentType]).toEqual([5000, "image/png"]);
        expect((await sharp(bytes).raw().toBuffer()).equals(previewPixels(step))).toBe(true);
      }
    }
  });

  it("tries again what it did not foresee, and says so in the log", async () => {
    const engine = new TestEngine();
    const generate = engine.generate.bind(engine);
    let calls = 0;
    engine.generate = (...args) => (++calls === 1 ? Promise.reject(new EngineFull("full")) : generate(...args));
    await start(engine);
    const spec = await submit({});
    expect((await finish(spec)).state).toBe("completed");
    expect(logged).toHaveLength(1);
    expect(JSON.parse(logged[0]!)).toMatchObject({ job: spec.id, image: 0, err: { type: "EngineFull" } });
  });

  it("fails a job with its image's error, cancels the siblings, and leaves other jobs alone", async () => {
    const engine = new TestEngine(({ seed, imageIndex }) => seed === 13 && imageIndex === 1);
    await start(engine);
    const [good, bad] = [await submit({ num_images: 2 }), await submit({ num_images: 3, seed: 13 })];
    const record = await finish(bad);
    expect(record).toMatchObject({ state: "failed", error: { code: "generation_failed" }, images: [] });
    expect(record.error!.detail).toMatch(/^Image 1 could not be generated/);
    expect(record.error!.detail).not.toMatch(/onnx/);
    expect(logged.join("")).toMatch(/NaN in \/tmp\/x.onnx/);
    expect(logged.join("")).toContain(bad.id);
    expect((await finish(good)).state).toBe("completed");
    const ends = engine.seen.filter(({ image }) => image.seed === 13).map(({ end }) => end);
    expect(ends).toEqual(["cancelled", "failed", "cancelled"]);
    expect(logged).toHaveLength(1);
  });

  it("takes a cancelled job's images out of the engine", async () => {
    const engine = new TestEngine(undefined, () => 20);
    await start(engine);
    const spec = await submit({ num_images: 4 });
    await eventually(() => expect(engine.inFlight).toBe(4));
    await queue.cancel(spec.id, { code: "job_cancelled", detail: "asked" });
    await eventually(async () => expect((await queue.stats()).runningImages).toBe(0));
    expect(engine.seen.map(({ end }) => end)).toEqual(Array(4).fill("cancelled"));
    expect((await finish(spec)).state).toBe("cancelled");
    expect(logged).toEqual([]);
  });

  it("fails a job whose deadline passes while it runs", async () => {
    await start(new TestEngine(undefined, () => 20));
    const record = await finish(await submit({ num_images: 2, deadline_ms: 50 }));
    expect(record).toMatchObject({ state: "failed", error: { code: "deadline_exceeded" } });
  });

  it("measures spans that lie side by side between acceptance and the stored PNG", async () => {
    await start(new TestEngine(undefined, () => 5));
    // Without room for it, the last one waits.
    const { images } = await finish(await submit({ num_images: 51 }));
    expect(Math.max(...images.map(({ timing }) => timing.queue_ms))).toBeGreaterThan(30);
    for (const { timing } of images) {
      const { queue_ms, batch_wait_ms, transformer_ms, diffusion_ms, decode_ms, encode_ms, total_ms } = timing;
      const sum = queue_ms + batch_wait_ms + transformer_ms + diffusion_ms + decode_ms + encode_ms;
      expect(sum / total_ms).toBeCloseTo(1, 2);
      for (const ms of Object.values(timing)) expect(ms).toBeGreaterThan(0);
    }
  });
});
