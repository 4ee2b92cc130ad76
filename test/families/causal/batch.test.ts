import { describe, expect, it } from "vitest";
import { floats } from "../../../src/engine/runtime/runtime.js";
import { warmUp } from "../../../src/engine/warm-up.js";
import { countRows, expectAsAlone, imageAlone, useModel, WatchedBatch, watched } from "../../engine/tiny-engine.js";
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
  const model = useModel(() => importCausal({ precision }), threads);

  it("gives each image the bytes that it has alone, whatever is in flight", async () => {
    const mixed = new WatchedBatch(model.runtime, model.manifest);
    const neighbour = (id: number) => mixed.submit(id, causalRequest({ class: id % 10, guidance_steps: id % 7 }, id));
    await expectAsAlone(mixed, model.single, SUBJECTS, (step) => {
      if (step === 0) for (let id = 100; id < 103; id++) neighbour(id);
      if (step === 2) for (let id = 103; id < 106; id++) neighbour(id);
      if (step === 3) mixed.batch.cancel(101);
      if (step === 6) mixed.batch.cancel(105);
    });
    expect([101, 105].map((id) => mixed.ended.get(id)?.reason)).toEqual(["cancelled", "cancelled"]);
  });
});

describe("a causal model in flight", () => {
  const model = useModel(importCausal);

  it("is described by its manifest", () => {
    expect(model.manifest.architecture.generator).toEqual(exampleCausal());
    const guidance = { guidance_scale: 2, guidance_schedule: "constant" };
    const draws = { temperature: 1, top_k: 0, top_p: 1 };
    expect(model.manifest.defaults).toEqual({ steps: 16, ...guidance, ...draws, order: "raster" });
  });

  it("shares every run of a step, with a second row only where the step has guidance", async () => {
    const { rows, counted } = countRows(model.runtime);
    const batch = new WatchedBatch(counted, model.manifest);
    batch.submit(0, causalRequest({ guidance_steps: 3 }));
    await batch.run((step) => {
      if (step === 1) batch.submit(1, causalRequest({ guidance_scale: 1, class: 5 }, 7));
    });
    expect(rows).toEqual([2, 3, 3, ...Array(13).fill(2), 1]);
  });

  it("shows the codes that are known, without changing the image's bytes", async () => {
    const request = causalRequest({}, 6);
    const shown = new WatchedBatch(model.runtime, model.manifest);
    shown.submit(0, request);
    await shown.run(() => shown.batch.preview(0));
    const [first] = shown.previews;
    const { pixels } = shown.ended.get(0)!;
    const { image_width } = model.manifest.architecture.tokenizer;
    expect(first!.step).toBeLessThan(16);
    expect(first!.pixels.subarray(0, 3 * image_width)).not.toEqual(pixels!.subarray(0, 3 * image_width));
    expect(shown.image(0)).toBe(await imageAlone(model.runtime, model.manifest, request));
  });

  it("runs again in smaller parts where a run throws, and fails the image at fault only", async () => {
    const spoiled = watched(model.runtime, {
      async predict(inputs, run) {
        const outputs = await run();
        if ((inputs.classes!.data as BigInt64Array).includes(7n)) throw new Error("class 7 is spoiled");
        return outputs;
      },
    });
    const batch = new WatchedBatch(spoiled, model.manifest);
    const stays = [causalRequest({}, 11), causalRequest({ guidance_scale: 1 }, 12), causalRequest({ class: 2 }, 13)];
    for (const [id, request] of stays.entries()) batch.submit(id, request);
    await batch.run((step) => {
      if (step === 4) batch.submit(9, causalRequest({ class: 7 }));
    });
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: "class 7 is spoiled" });
    for (const [id, request] of stays.entries())
      expect(batch.image(id)).toBe(await imageAlone(model.runtime, model.manifest, request));
  });

  it("fails alone where its logits are not finite numbers", async () => {
    const spoiled = watched(model.runtime, {
      async predict(inputs, run) {
        const outputs = await run();
        const row = (inputs.classes!.data as BigInt64Array).indexOf(7n);
        if (row >= 0) floats(outputs, "logits")[row * 64] = Number.NaN;
        return outputs;
      },
    });
    const batch = new WatchedBatch(spoiled, model.manifest);
    batch.submit(0, causalRequest({ class: 7 }));
    batch.submit(1, causalRequest());
    await batch.run();
    expect(batch.ended.get(0)).toMatchObject({ reason: "not_finite" });
    expect(batch.image(1)).toBe(await imageAlone(model.runtime, model.manifest, causalRequest()));
  });

  it("warms up", async () => {
    expect(await warmUp(model.runtime, model.manifest.architecture, 3)).toBe(3);
  });
});
