import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import type { Manifest } from "../../src/model/manifest.js";
import type { ImageRequest } from "../../src/model/parameters.js";
import { MAR_GRAPHS } from "../model/tiny.js";
import { imageAlone, imageRequest, importTiny, WatchedBatch, watched } from "./tiny-engine.js";

let runtime: Runtime;
let manifest: Manifest;

beforeAll(async () => {
  const tiny = await importTiny();
  manifest = tiny.manifest;
  runtime = await openRuntime(tiny.folder, { threads: 1, graphs: MAR_GRAPHS });
});
afterAll(() => runtime.close());

const alone = (request: ImageRequest) => imageAlone(runtime, manifest, request);

describe("admission", () => {
  it("is first come, first served, into every place that gets free", async () => {
    const batch = new WatchedBatch(runtime, manifest, { maxBatch: 2 });
    [3, 1, 2, 1].forEach((steps, id) => {
      batch.submit(id, imageRequest({ steps, diffusion_steps: 2 }, id));
    });
    await batch.run();
    expect(batch.started).toEqual([[0, 1], [2], [3]]);
    expect(batch.steps).toEqual(["0:1/3 1:1/1", "0:2/3 2:1/2", "0:3/3 2:2/2", "3:1/1"]);
  });

  it("takes images that come during a run as soon as a place is free", async () => {
    const batch = new WatchedBatch(runtime, manifest, { maxBatch: 2 });
    [3, 1].forEach((count, id) => {
      batch.submit(id, imageRequest({ steps: count, diffusion_steps: 2 }, id));
    });
    batch.onPause = () => {
      batch.onPause = () => {};
      for (const id of [2, 3]) batch.submit(id, imageRequest({ steps: 1, diffusion_steps: 2 }, id));
    };
    await batch.run();
    expect(batch.started).toEqual([[0, 1], [2], [3]]);
    expect(batch.steps).toEqual(["0:1/3 1:1/1", "0:2/3 2:1/1", "0:3/3 3:1/1"]);
    for (const id of [0, 1, 2, 3])
      expect(batch.image(id)).toBe(await alone(imageRequest({ steps: [3, 1, 1, 1][id]!, diffusion_steps: 2 }, id)));
  });

  it("lets an empty batch wait for company, a full one not", () => {
    const batch = new WatchedBatch(runtime, manifest, { maxBatch: 2, maxBatchDelayMs: 3_600_000 });
    expect(batch.batch.idleMs()).toBe(Number.POSITIVE_INFINITY);
    batch.submit(0, imageRequest());
    expect(batch.batch.idleMs()).toBeGreaterThan(3_000_000);
    expect(batch.batch.idleMs()).toBeLessThanOrEqual(3_600_000);
    batch.submit(1, imageRequest());
    expect(batch.batch.idleMs()).toBe(0);
  });

  it("fails an image that the sampler refuses, and takes the next", async () => {
    const batch = new WatchedBatch(runtime, manifest);
    batch.submit(0, imageRequest({ steps: 65 }));
    batch.submit(1, imageRequest({ steps: 1 }));
    await batch.run();
    expect(batch.ended.get(0)).toMatchObject({
      reason: "failed",
      message: expect.stringContaining("1 to the model's 64"),
    });
    expect(batch.ended.get(1)?.pixels?.length).toBe(128 * 128 * 3);
  });
});

describe("timing", () => {
  it("has contiguous spans from submission to pixels, and each image's share", async () => {
    let decodedMs = 0;
    const timed = watched(runtime, {
      decode: async (_, run) => {
        const result = await run();
        decodedMs = Number(process.hrtime.bigint()) / 1e6;
        return result;
      },
    });
    const batch = new WatchedBatch(timed, manifest);
    const submitMs = Number(process.hrtime.bigint()) / 1e6;
    batch.submit(0, imageRequest({ steps: 2 }));
    const submittedMs = Number(process.hrtime.bigint()) / 1e6;
    await batch.run();
    const endMs = Number(process.hrtime.bigint()) / 1e6;
    const spans = batch.ended.get(0)!.spans!;
    const worked = spans.transformerMs + spans.diffusionMs + spans.decodeMs;
    expect(spans.batchWaitMs + worked).toBeGreaterThan(decodedMs - submittedMs);
    expect(spans.batchWaitMs + worked).toBeLessThan(endMs - submitMs);
    for (const span of ["transformerMs", "diffusionMs", "decodeMs"] as const) expect(spans[span]).toBeGreaterThan(0);
    expect(spans.msPerImage).toBeCloseTo(worked, 6);
    expect(spans.batchSize).toBe(1);
  });

  it("divides what images share, and counts others' decoding as a wait", async () => {
    const batch = new WatchedBatch(runtime, manifest);
    batch.submit(0, imageRequest({ steps: 1 }));
    batch.submit(1, imageRequest({ steps: 2 }));
    await batch.run();
    const [short, long] = [batch.ended.get(0)!.spans!, batch.ended.get(1)!.spans!];
    expect(short.batchSize).toBe(2);
    expect(long.batchSize).toBe(1.5);
    expect(short.msPerImage).toBeCloseTo((short.transformerMs + short.diffusionMs) / 2 + short.decodeMs, 6);
    expect(long.batchWaitMs).toBeGreaterThan(short.decodeMs);
  });
});
