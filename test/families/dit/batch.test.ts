import { describe, expect, it } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { floats, type Runtime } from "../../../src/engine/runtime/runtime.js";
import { warmUp } from "../../../src/engine/warm-up.js";
import { ditTable } from "../../../src/families/dit/importing/tensors.js";
import { predict } from "../../../src/families/dit/predictor.js";
import { type DitArchitecture, graphsOf, type Manifest, type Precision } from "../../../src/model/manifest.js";
import { countRows, expectAsAlone, imageAlone, useModel, WatchedBatch } from "../../engine/tiny-engine.js";
import { entriesOf, useTemporaryFolder, writeRamps } from "../../importer/models.js";
import { ditImage, ditRequest, importDit, spoiled } from "./tiny-dit.js";

/** DiT-S's. */
const WIDTH = 384;

useTemporaryFolder();

/** Images of different age, length, class, guidance and sampler. */
const SUBJECTS = [
  ditRequest(),
  ditRequest({ steps: 7, guidance_scale: 1 }, 2),
  ditRequest({ class: null, steps: 3 }, 3),
  ditRequest({ class: 9, steps: 5, sampler: "ddim" }, 4),
  ditRequest({ steps: 9, guidance_scale: 1.5 }, 4, 1),
  ditRequest({ steps: 2, guidance_scale: 20, sampler: "ddim" }, 5),
];

describe.each([
  ["fp32", 1],
  ["fp32", 2],
  ["int8", 2],
] as const)("a DiT in %s, %i threads", (precision: Precision, threads: number) => {
  const model = useModel(() => importDit({ precision }), threads);

  it("gives each image the bytes that it has alone, whatever is in flight", async () => {
    const mixed = new WatchedBatch(model.runtime, model.manifest);
    const neighbour = (id: number) => mixed.submit(id, ditRequest({ class: id % 10, steps: 2 + (id % 7) }, id));
    await expectAsAlone(mixed, model.single, SUBJECTS, (step) => {
      if (step === 0) for (let id = 100; id < 105; id++) neighbour(id);
      if (step === 2) for (let id = 105; id < 108; id++) neighbour(id);
      if (step === 3) mixed.batch.cancel(106);
    });
    expect(mixed.ended.get(106)?.reason).toBe("cancelled");
  });

  it("gives a row of the network the same bits alone and among many", () =>
    expectRowsAlone(model.manifest, model.single, model.runtime));
});

describe.each(["fp32", "int8"] as const)("a block of DiT-S's width in %s", (precision) => {
  it("gives a row the same bits alone and among many", async () => {
    const { folder, manifest } = await importDit({ precision, generator: await writeBlock(WIDTH), arch: undefined });
    const graphs = graphsOf(manifest.architecture);
    const single = await openRuntime(folder, { threads: 1, graphs });
    const runtime = await openRuntime(folder, { threads: 2, graphs });
    await expectRowsAlone(manifest, single, runtime);
    await single.close();
    await runtime.close();
  });
});

/** Rows of all timesteps and classes: each run by itself on one runtime, and together on the other. */
async function expectRowsAlone(manifest: Manifest, single: Runtime, runtime: Runtime): Promise<void> {
  const model = manifest.architecture.generator as DitArchitecture;
  const size = model.token_count * model.token_channels;
  const rows = Array.from({ length: 23 }, (_, i) => ({
    x: ditImage(ditRequest({}, i), model).x,
    timestep: (i * 211) % 1000,
    label: i % (model.class_count + 1),
  }));
  const run = async (some: typeof rows, on: Runtime) => {
    const x = new Float32Array(some.length * size);
    for (const [i, row] of some.entries()) x.set(row.x, i * size);
    const batch = { x, timesteps: some.map((row) => row.timestep), classes: some.map((row) => row.label) };
    return floats(await predict(on, model, batch), "out");
  };
  const alone: number[] = [];
  for (const row of rows) alone.push(...(await run([row], single)));
  for (const count of [2, 3, 8, 23]) {
    const together = await run(rows.slice(0, count), runtime);
    expect(together).toEqual(Float32Array.from(alone.slice(0, count * 2 * size)));
  }
}

/** A DiT of one block, whose products are as wide as a published model's. */
async function writeBlock(width: number): Promise<string> {
  const sizes = {
    width,
    mlpWidth: 4 * width,
    depth: 1,
    latentChannels: 4,
    patchSize: 2,
    tokenCount: 16,
    classCount: 10,
    learnSigma: true,
  };
  return writeRamps("block.safetensors", entriesOf(ditTable({ ...sizes, frequencyChannels: 256 })));
}

describe("a DiT in flight", () => {
  const model = useModel(importDit);

  it("shares every run of a step, whatever the images' timesteps, classes and guidance", async () => {
    const { rows, counted } = countRows(model.runtime);
    const batch = new WatchedBatch(counted, model.manifest);
    batch.submit(0, ditRequest({ steps: 3 }));
    await batch.run((step) => {
      if (step === 1) batch.submit(1, ditRequest({ steps: 2, guidance_scale: 1, sampler: "ddim", class: 5 }, 7));
    });
    expect(rows).toEqual([2, 3, 3]);
  });

  it("shows the image that the network expects, without changing its bytes", async () => {
    const request = ditRequest({ steps: 5 });
    const shown = new WatchedBatch(model.runtime, model.manifest);
    shown.submit(0, request);
    await shown.run(() => shown.batch.preview(0));
    expect(shown.previews.length).toBeGreaterThan(0);
    const [first] = shown.previews;
    expect(new Set(first!.pixels).size).toBeGreaterThan(10);
    expect(shown.image(0)).toBe(await imageAlone(model.runtime, model.manifest, request));
  });

  it("is cancelled between steps, and leaves the others as they were", async () => {
    const batch = new WatchedBatch(model.runtime, model.manifest);
    const stays = ditRequest({ steps: 4 }, 8);
    batch.submit(0, ditRequest({ steps: 1000 }));
    batch.submit(1, stays);
    await batch.run((step) => {
      if (step === 2) batch.batch.cancel(0);
    });
    expect(batch.ended.get(0)).toMatchObject({
      reason: "cancelled",
      message: "The image was cancelled after 2 of 1000 steps.",
    });
    expect(batch.image(1)).toBe(await imageAlone(model.runtime, model.manifest, stays));
  });

  it("fails alone where its latents stop being finite numbers", async () => {
    const batch = new WatchedBatch(spoiled(model.runtime, 7), model.manifest);
    batch.submit(0, ditRequest({ class: 7 }));
    batch.submit(1, ditRequest());
    await batch.run();
    expect(batch.ended.get(0)).toMatchObject({ reason: "not_finite" });
    expect(batch.ended.get(0)?.message).toContain("in step 1 of 4");
    expect(batch.image(1)).toBe(await imageAlone(model.runtime, model.manifest, ditRequest()));
  });

  it("warms up", async () => {
    expect(await warmUp(model.runtime, model.manifest.architecture, 3)).toBe(3);
  });
});
