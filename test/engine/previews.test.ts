import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GenerateOptions } from "../../src/engine/engine.js";
import { PreviewBudget, PreviewRequests } from "../../src/engine/previews.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import { openEngine } from "../../src/engine/threaded-engine.js";
import type { Manifest } from "../../src/model/manifest.js";
import { monotonicMs } from "../../src/telemetry/monotonic-clock.js";
import { samplePlainly } from "../families/mar/plain-sampler.js";
import { MAR_GRAPHS } from "../model/tiny.js";
import { countOf, fingerprint, imageRequest, importTiny, WatchedBatch, watched } from "./tiny-engine.js";

let folder: string;
let manifest: Manifest;
let runtime: Runtime;

beforeAll(async () => {
  ({ folder, manifest } = await importTiny());
  runtime = await openRuntime(folder, { threads: 1, graphs: MAR_GRAPHS });
});
afterAll(() => runtime.close());

const REQUESTS = [
  imageRequest({ steps: 5 }, 81),
  imageRequest({ steps: 7, order: "raster", guidance_scale: 1 }, 82),
  imageRequest({ steps: 3, class: null }, 83),
];

/** The images of a batch whose images are all asked for before each step, or never. */
async function run(batch: WatchedBatch, asked: boolean): Promise<string[]> {
  REQUESTS.forEach((request, id) => {
    batch.submit(id, request);
  });
  await batch.run(() => {
    if (asked) for (const id of REQUESTS.keys()) batch.batch.preview(id);
  });
  return REQUESTS.map((_, id) => batch.image(id));
}

/** The runtime, its steps and its decode runs (for each image) as slow as the test wants. */
const slow = (stepMs: number, decode: Parameters<typeof watched>[1][string]): Runtime =>
  watched(runtime, {
    async predict(_, run) {
      await sleep(stepMs);
      return run();
    },
    decode,
  });

/** The pixels of so many black images. */
const blank = (images: number) => {
  const shape = [images, 128, 128, 3];
  return { pixels: { data: new Uint8Array(images * 128 * 128 * 3), shape } };
};

describe("a preview", () => {
  it("is the image of the tokens so far, zeros where there is none, and changes nothing about the last one", async () => {
    const plain = new WatchedBatch(runtime, manifest);
    const asked = new WatchedBatch(runtime, manifest);
    expect(await run(asked, true)).toEqual(await run(plain, false));
    expect(plain.previews).toEqual([]);
    expect(asked.previews.length).toBeGreaterThan(0);
    for (const { id, pixels, step, of } of asked.previews) {
      expect(step).toBeGreaterThan(0);
      expect(step).toBeLessThan(of);
      const expected = await samplePlainly(runtime, manifest.architecture, REQUESTS[id]!, step);
      expect(fingerprint(pixels), `image ${id} after step ${step}`).toBe(fingerprint(expected));
    }
  });

  it("takes a small share of the engine's time, however many ask and whatever it costs", async () => {
    let decodedMs = 0;
    let longestRunMs = 0;
    // Nothing is really decoded: how long that takes beside other tests is not known.
    const slowly = slow(20, async (inputs) => {
      const startMs = monotonicMs();
      await sleep(10 * countOf(inputs));
      const runMs = monotonicMs() - startMs;
      decodedMs += runMs;
      longestRunMs = Math.max(longestRunMs, runMs);
      return blank(countOf(inputs));
    });
    const batch = new WatchedBatch(slowly, manifest);
    for (let id = 0; id < 4; id++) batch.submit(id, imageRequest({ steps: 64 }, id));
    const startMs = monotonicMs();
    await batch.run((step) => {
      for (let id = 0; id < 4; id++) if (step < 63) batch.batch.preview(id);
      if (step === 63) for (let id = 0; id < 4; id++) batch.batch.cancel(id);
    });
    expect(batch.previews.length).toBeGreaterThan(1);
    // What exceeds a tenth is at most the last run, of however many images: it is paid off afterwards.
    expect(decodedMs).toBeLessThan(0.1 * (monotonicMs() - startMs) + longestRunMs);
  });

  it("comes first to who asked first, and once for each time", async () => {
    const quickly = slow(5, async (inputs) => blank(countOf(inputs)));
    const batch = new WatchedBatch(quickly, manifest);
    for (let id = 0; id < 3; id++) batch.submit(id, imageRequest({ steps: 64 }, id));
    for (const id of [2, 0, 2, 1]) batch.batch.preview(id);
    await batch.run();
    expect(batch.previews.map(({ id }) => id)).toEqual([2, 0, 1]);
  });

  it("is a wait in everybody's time, its own image's too", async () => {
    let previewMs = 0;
    const slowly = slow(0, async (inputs, run) => {
      const startMs = monotonicMs();
      await sleep(20 * countOf(inputs));
      const result = await run();
      previewMs = Math.max(previewMs, monotonicMs() - startMs);
      return result;
    });
    const batch = new WatchedBatch(slowly, manifest);
    batch.submit(0, imageRequest({ steps: 2 }));
    await batch.run((step) => {
      if (step === 0) batch.batch.preview(0);
    });
    expect(batch.previews).toHaveLength(1);
    const { decodeMs, batchWaitMs, transformerMs, diffusionMs, msPerImage } = batch.ended.get(0)!.spans!;
    expect(batchWaitMs).toBeGreaterThan(19);
    expect(decodeMs).toBeLessThan(1.5 * previewMs);
    expect(msPerImage).toBeCloseTo(transformerMs + diffusionMs + decodeMs, 6);
  });

  it("that can't be decoded is none, and the image comes all the same", async () => {
    let calls = 0;
    const failing = slow(0, async (_, run) => {
      if (calls++ === 0) throw new Error("No memory for the preview.");
      return run();
    });
    const batch = new WatchedBatch(failing, manifest);
    batch.submit(0, imageRequest({ steps: 2 }));
    batch.batch.preview(0);
    batch.batch.preview(77);
    await batch.run();
    expect(calls).toBe(2);
    expect(batch.previews).toEqual([]);
    expect(batch.ended.get(0)?.pixels?.length).toBe(128 * 128 * 3);
  });
});

describe("an engine in its thread", () => {
  it("shows an image while somebody wants it, and makes the same image", async () => {
    const engine = await openEngine({ folder, manifest, maxBatch: 4, maxBatchDelayMs: 1, maxWaiting: 4, threads: 1 });
    const request = imageRequest({ steps: 16 }, 91);
    const expected = (await engine.generate(request)).pixels;
    let wanted = true;
    const shown: { pixels: Uint8Array; step: number; of: number }[] = [];
    // An image may be done before this thread has heard of its first step, and asked.
    for (let tries = 0; shown.length === 0 && tries < 50; tries++) {
      const shownImage = await engine.generate(request, {
        wantsPreview: () => wanted,
        onPreview: (pixels, step, of) => {
          shown.push({ pixels, step, of });
          wanted = false;
        },
      });
      expect(fingerprint(shownImage.pixels)).toBe(fingerprint(expected));
    }
    await engine.close(0);
    expect(shown).toHaveLength(1);
    const [{ pixels, step, of }] = shown as [(typeof shown)[0]];
    expect(of).toBe(16);
    const plain = await samplePlainly(runtime, manifest.architecture, request, step);
    expect(fingerprint(pixels)).toBe(fingerprint(plain));
  });
});

describe("PreviewRequests", () => {
  const options = (wanted: () => boolean, seen: number[] = []): GenerateOptions => ({
    wantsPreview: wanted,
    onPreview: (_, step) => seen.push(step),
  });
  const pixels = new Uint8Array(3);

  it("ask one at a time, and a quarter of a second after the last at the earliest", () => {
    const seen: number[] = [];
    const requests = new PreviewRequests(options(() => true, seen));
    expect([requests.ask(0), requests.ask(1000)]).toEqual([true, false]);
    requests.answer(1000, pixels, 3, 8);
    expect(seen).toEqual([3]);
    expect([1001, 1249, 1250].map((nowMs) => requests.ask(nowMs))).toEqual([false, false, true]);
    requests.lost();
    expect(requests.ask(1260)).toBe(true);
  });

  it("ask only for who wants them", () => {
    let wanted = false;
    const requests = new PreviewRequests(options(() => wanted));
    expect(requests.ask(0)).toBe(false);
    wanted = true;
    expect(requests.ask(1)).toBe(true);
    expect(new PreviewRequests({ wantsPreview: () => true }).ask(0)).toBe(false);
    expect(new PreviewRequests({}).ask(0)).toBe(false);
  });
});

describe("PreviewBudget", () => {
  it("is a tenth of all time, paid before or after, with little saved up", () => {
    const budget = new PreviewBudget();
    expect(budget.affordableImages()).toBe(0);
    budget.worked(90);
    expect(budget.affordableImages()).toBe(1);
    budget.spent(20, 1);
    expect(budget.affordableImages()).toBe(0);
    budget.worked(90);
    expect(budget.affordableImages()).toBe(0);
    budget.worked(360);
    expect(budget.affordableImages()).toBe(2);
    budget.worked(1e9);
    expect(budget.affordableImages()).toBe(12);
  });
});
