import { describe, expect, it } from "vitest";
import { warmUp } from "../../../src/engine/warm-up.js";
import { countRows, expectAsAlone, imageAlone, useModel, WatchedBatch } from "../../engine/tiny-engine.js";
import { spoiled } from "../dit/tiny-dit.js";
import { importSit, sitRequest } from "./tiny-sit.js";

/** Images of different age, length, class, guidance and sampler. */
const SUBJECTS = [
  sitRequest(),
  sitRequest({ steps: 7, guidance_scale: 1 }, 2),
  sitRequest({ class: null, steps: 3, sampler: "heun" }, 3),
  sitRequest({ class: 9, steps: 5, sampler: "euler" }, 4),
  sitRequest({ steps: 4, guidance_scale: 1.5, sampler: "heun" }, 4, 1),
  sitRequest({ steps: 2, guidance_scale: 20, sampler: "euler" }, 5),
];

describe.each(["fp32", "int8"] as const)("a SiT in %s", (precision) => {
  const model = useModel(() => importSit({ precision }), 2);

  it("gives each image the bytes that it has alone, whatever is in flight", async () => {
    await expectAsAlone(new WatchedBatch(model.runtime, model.manifest), model.single, SUBJECTS);
  });
});

describe("a SiT in flight", () => {
  const model = useModel(importSit);

  it("shares every run of a step, whatever the images' samplers, times, classes and guidance", async () => {
    const { rows, counted } = countRows(model.runtime);
    const batch = new WatchedBatch(counted, model.manifest);
    batch.submit(0, sitRequest({ steps: 3 }));
    batch.submit(1, sitRequest({ steps: 2, sampler: "heun" }));
    await batch.run((step) => {
      if (step === 1) batch.submit(2, sitRequest({ steps: 2, guidance_scale: 1, sampler: "euler", class: 5 }, 7));
    });
    expect(rows).toEqual([4, 5, 5, 2]);
  });

  it.each(["euler", "heun", "sde"] as const)("of %s shows the image that the network expects", async (sampler) => {
    const request = sitRequest({ steps: 5, sampler });
    const shown = new WatchedBatch(model.runtime, model.manifest);
    shown.submit(0, request);
    await shown.run(() => shown.batch.preview(0));
    expect(new Set(shown.previews[0]!.pixels).size).toBeGreaterThan(10);
    expect(shown.image(0)).toBe(await imageAlone(model.runtime, model.manifest, request));
  });

  it("is cancelled in the middle of a step, and leaves the others as they were", async () => {
    const batch = new WatchedBatch(model.runtime, model.manifest);
    const stays = sitRequest({ steps: 6 }, 8);
    batch.submit(0, sitRequest({ steps: 1000, sampler: "heun" }));
    batch.submit(1, stays);
    await batch.run((step) => {
      if (step === 3) batch.batch.cancel(0);
    });
    expect(batch.ended.get(0)).toMatchObject({
      reason: "cancelled",
      message: "The image was cancelled after 1 of 1000 steps.",
    });
    expect(batch.image(1)).toBe(await imageAlone(model.runtime, model.manifest, stays));
  });

  it("fails alone where its latents stop being finite numbers", async () => {
    const batch = new WatchedBatch(spoiled(model.runtime, 7), model.manifest);
    batch.submit(0, sitRequest({ class: 7 }));
    batch.submit(1, sitRequest());
    await batch.run();
    expect(batch.ended.get(0)).toMatchObject({ reason: "not_finite" });
    expect(batch.image(1)).toBe(await imageAlone(model.runtime, model.manifest, sitRequest()));
  });

  it("warms up", async () => {
    expect(await warmUp(model.runtime, model.manifest.architecture, 3)).toBe(3);
  });
});
