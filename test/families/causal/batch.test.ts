import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { floats, type Runtime } from "../../../src/engine/runtime/runtime.js";
import { warmUp } from "../../../src/engine/warm-up.js";
import { graphsOf, type Manifest } from "../../../src/model/manifest.js";
import { freshImageAlone, imageAlone, WatchedBatch, watched } from "../../engine/tiny-engine.js";
import { causalRequest, exampleCausal, importCausal } from "./tiny-causal.js";

/** Images of different class, guidance, temperature and filters. */
const SUBJECTS = [
  causalRequest(),
  causalRequest({ guidance_scale: 1 }, 2),
  causalRequest({ class: null }, 3),
  causalRequest({ class: 9, top_k: 8 }, 4),
  causalRequest({ guidance_scale: 1.5, top_p: 0.7, temperature: 0.8 }, 4, 1),
  causalRequest({ guidance_scale: 20, guidance_steps: 5 }, 5),
];

describe.each([
  ["fp32", 1],
  ["fp32", 2],
  ["int8", 2],
  ["fp16", 1],
] as const)("a causal model in %s, %i threads", (precision, threads) => {
  let manifest: Manifest;
  let runtime: Runtime;
  let single: Runtime;
  beforeAll(async () => {
    const imported = await importCausal({ precision });
    manifest = imported.manifest;
    const graphs = graphsOf(manifest.architecture);
    runtime = await openRuntime(imported.folder, { threads, graphs });
    single = await openRuntime(imported.folder, { threads: 1, graphs });
  });
  afterAll(async () => {
    await runtime?.close();
    await single?.close();
  });

  it("gives each image the bytes that it has alone, whatever is in flight", async () => {
    const expected: string[] = [];
    for (const request of SUBJECTS) expected.push(await freshImageAlone(single, manifest, request));
    expect(new Set(expected).size).toBe(SUBJECTS.length);
    const mixed = new WatchedBatch(runtime, manifest);
    const neighbour = (id: number) => mixed.submit(id, causalRequest({ class: id % 10, guidance_steps: id % 7 }, id));
    for (let id = 100; id < 103; id++) neighbour(id);
    await mixed.run((step) => {
      if (step % 2 === 0 && step / 2 < SUBJECTS.length) mixed.submit(step / 2, SUBJECTS[step / 2]!);
      if (step === 2) for (let id = 103; id < 106; id++) neighbour(id);
      if (step === 3) mixed.batch.cancel(101);
      if (step === 6) mixed.batch.cancel(105);
    });
    expect([101, 105].map((id) => mixed.ended.get(id)?.reason)).toEqual(["cancelled", "cancelled"]);
    SUBJECTS.forEach((_, id) => {
      expect(mixed.image(id), `subject ${id}`).toBe(expected[id]);
    });
  });
});

describe("a causal model in flight", () => {
  let manifest: Manifest;
  let runtime: Runtime;
  beforeAll(async () => {
    const imported = await importCausal();
    manifest = imported.manifest;
    runtime = await openRuntime(imported.folder, { threads: 1, graphs: graphsOf(manifest.architecture) });
  });
  afterAll(() => runtime?.close());

  it("is described by its manifest", () => {
    expect(manifest.architecture.generator).toEqual(exampleCausal());
    expect(manifest.defaults).toEqual({ steps: 16, guidance_scale: 2, temperature: 1, top_k: 0, top_p: 1 });
  });

  it("shares every run of a step, with a second row only where the step has guidance", async () => {
    const rows: number[] = [];
    const counted = watched(runtime, {
      predict: (inputs, run) => {
        rows.push(inputs.classes!.shape[0]!);
        return run();
      },
    });
    const batch = new WatchedBatch(counted, manifest);
    batch.submit(0, causalRequest({ guidance_steps: 3 }));
    await batch.run((step) => {
      if (step === 1) batch.submit(1, causalRequest({ guidance_scale: 1, class: 5 }, 7));
    });
    expect(rows).toEqual([2, 3, 3, ...Array(13).fill(2), 1]);
  });

  it("shows the codes that are known, without changing the image's bytes", async () => {
    const request = causalRequest({}, 6);
    const shown = new WatchedBatch(runtime, manifest);
    shown.submit(0, request);
    await shown.run(() => shown.batch.preview(0));
    const [first] = shown.previews;
    const { pixels } = shown.ended.get(0)!;
    const { image_width } = manifest.architecture.tokenizer;
    expect(first!.step).toBeLessThan(16);
    expect(first!.pixels.subarray(0, 3 * image_width)).not.toEqual(pixels!.subarray(0, 3 * image_width));
    expect(shown.image(0)).toBe(await imageAlone(runtime, manifest, request));
  });

  it("runs again in smaller parts where a run throws, and fails the image at fault only", async () => {
    const spoiled = watched(runtime, {
      async predict(inputs, run) {
        const outputs = await run();
        if ((inputs.classes!.data as BigInt64Array).includes(7n)) throw new Error("class 7 is spoiled");
        return outputs;
      },
    });
    const batch = new WatchedBatch(spoiled, manifest);
    const stays = [causalRequest({}, 11), causalRequest({ guidance_scale: 1 }, 12), causalRequest({ class: 2 }, 13)];
    for (const [id, request] of stays.entries()) batch.submit(id, request);
    await batch.run((step) => {
      if (step === 4) batch.submit(9, causalRequest({ class: 7 }));
    });
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: "class 7 is spoiled" });
    for (const [id, request] of stays.entries())
      expect(batch.image(id)).toBe(await imageAlone(runtime, manifest, request));
  });

  it("fails alone where its logits are not finite numbers", async () => {
    const spoiled = watched(runtime, {
      async predict(inputs, run) {
        const outputs = await run();
        const row = (inputs.classes!.data as BigInt64Array).indexOf(7n);
        if (row >= 0) floats(outputs, "logits")[row * 64] = Number.NaN;
        return outputs;
      },
    });
    const batch = new WatchedBatch(spoiled, manifest);
    batch.submit(0, causalRequest({ class: 7 }));
    batch.submit(1, causalRequest());
    await batch.run();
    expect(batch.ended.get(0)).toMatchObject({ reason: "not_finite" });
    expect(batch.image(1)).toBe(await imageAlone(runtime, manifest, causalRequest()));
  });

  it("warms up", async () => {
    expect(await warmUp(runtime, manifest.architecture, 3)).toBe(3);
  });
});
