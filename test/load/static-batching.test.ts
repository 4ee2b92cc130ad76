import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import { FAMILIES } from "../../src/families/families.js";
import { mar } from "../../src/families/mar/mar.js";
import type { Manifest } from "../../src/model/manifest.js";
import { countOf, imageAlone, imageRequest, importTiny, WatchedBatch, watched } from "../engine/tiny-engine.js";
import { MAR_GRAPHS } from "../model/tiny.js";
import { type StaticMode, staticFamily } from "./static-batching.js";

let runtime: Runtime;
let manifest: Manifest;
beforeAll(async () => {
  const tiny = await importTiny();
  manifest = tiny.manifest;
  runtime = await openRuntime(tiny.folder, { threads: 1, graphs: MAR_GRAPHS });
});
afterAll(() => runtime.close());
afterEach(() => {
  FAMILIES.mar = mar;
});

/** A batch whose images take so many steps each, in the order of their ids. */
function batchOf(mode: StaticMode, batchSize: number, steps: readonly number[], over = runtime) {
  FAMILIES.mar = staticFamily(mar, mode, batchSize);
  const batch = new WatchedBatch(over, manifest);
  const requests = steps.map((count, id) => imageRequest({ steps: count, diffusion_steps: 2 }, 70 + id));
  requests.forEach((request, id) => {
    batch.submit(id, request);
  });
  return { batch, requests };
}

describe.each(["static", "static-ragged"] as const)("%s batching", (mode) => {
  it("takes the next batch only when the last image of a batch is done", async () => {
    const { batch, requests } = batchOf(mode, 2, [3, 1, 1, 2]);
    await batch.run();
    expect(batch.started).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(batch.steps).toEqual(["0:1/3 1:1/3", "0:2/3 1:2/3", "0:3/3 1:3/3", "2:1/2 3:1/2", "2:2/2 3:2/2"]);
    for (const [id, request] of requests.entries())
      expect(batch.image(id)).toBe(await imageAlone(runtime, manifest, request));
  });

  it("decodes all images of a batch together, and skips the rows of images that are done only where it is ragged", async () => {
    const rows = mode === "static" ? [4, 4, 4] : [4, 2, 2];
    const computed: number[] = [];
    const decoded: number[] = [];
    const counting = watched(runtime, {
      predict: (inputs, run) => {
        computed.push(countOf(inputs));
        return run();
      },
      decode: (inputs, run) => {
        decoded.push(countOf(inputs));
        return run();
      },
    });
    const { batch } = batchOf(mode, 2, [3, 1], counting);
    await batch.run();
    // Rows of one step may need several runs, where their known tokens are padded to different lengths.
    expect(rowsByStep(computed, rows)).toEqual(rows);
    expect(decoded).toEqual([2]);
  });
});

/** Adds up the rows of runs until each step has as many as it should; what does not fit shows as it is. */
function rowsByStep(runs: readonly number[], expected: readonly number[]): number[] {
  const left = [...runs];
  const sums = expected.map((rows) => {
    let sum = 0;
    while (sum < rows && left.length > 0) sum += left.shift()!;
    return sum;
  });
  return [...sums, ...left];
}
