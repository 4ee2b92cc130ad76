import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import type { Runtime, Tensors } from "../../src/engine/runtime/runtime.js";
import { warmUp } from "../../src/engine/warm-up.js";
import { graphsOf, type Manifest } from "../../src/model/manifest.js";

import type { KlTokenizer } from "../../src/model/tokenizer-architecture.js";
import { countOf, imageRequest, importTiny, WatchedBatch, watched } from "./tiny-engine.js";

let runtime: Runtime;
let manifest: Manifest;
beforeAll(async () => {
  const tiny = await importTiny();
  manifest = tiny.manifest;
  runtime = await openRuntime(tiny.folder, { threads: 1, graphs: graphsOf(manifest.architecture) });
});
afterAll(() => runtime?.close());

/** The real runtime, but for runs above a size: ONNX Runtime's own words, as there is no GPU whose memory could be filled. */
const OUT_OF_MEMORY = "Failed to allocate memory for requested buffer of size 1879048192";
function limited({ rows = Number.POSITIVE_INFINITY, images = Number.POSITIVE_INFINITY }): Runtime {
  const fail = () => Promise.reject(new Error(OUT_OF_MEMORY));
  return watched(runtime, {
    predict: (inputs, run) => (countOf(inputs) <= rows ? run() : fail()),
    decode: (inputs, run) => (countOf(inputs) <= images ? run() : fail()),
  });
}

test("a runtime with more memory for a run makes fewer and larger runs, and the same images", async () => {
  const sample = async (runMemory: number) => {
    const rows: Record<string, number[]> = { predict: [], denoise: [], decode: [] };
    const count = (graph: string) => (inputs: Tensors, run: () => Promise<Tensors>) => {
      rows[graph]!.push(countOf(inputs));
      return run();
    };
    const counted = watched({ ...runtime, runMemory }, Object.fromEntries(Object.keys(rows).map((g) => [g, count(g)])));
    const batch = new WatchedBatch(counted, manifest);
    for (let id = 0; id < 6; id++) batch.submit(id, imageRequest({ class: id }, id));
    await batch.run();
    return { rows, images: [0, 1, 2, 3, 4, 5].map((id) => batch.image(id)) };
  };
  const [usual, little] = [await sample(1), await sample(1 / 64)];
  for (const graph of ["predict", "denoise", "decode"])
    expect(Math.max(...usual.rows[graph]!), graph).toBeGreaterThan(Math.max(...little.rows[graph]!));
  expect(usual.images).toEqual(little.images);
});

describe("the warm-up", () => {
  test("takes the batch that it is asked for where memory holds it", async () => {
    expect(await warmUp(runtime, manifest.architecture, 3)).toBe(3);
    expect(await warmUp(runtime, manifest.architecture, 1)).toBe(1);
  });

  test("halves a batch that memory does not hold, whichever run is too large", async () => {
    // An image has two rows, one of them without its class.
    expect(await warmUp(limited({ rows: 5 }), manifest.architecture, 9)).toBe(2);
    expect(await warmUp(limited({ images: 2 }), manifest.architecture, 4)).toBe(2);
    expect(await warmUp(limited({ rows: 2 }), manifest.architecture, 3)).toBe(1);
  });

  test("tries no batch that would fill the memory that the process may use", async () => {
    // 100 bytes, and 10 more for each image of the largest batch.
    const warmUpWithin = async (usable: number) => {
      let images = 0;
      const counted = watched(runtime, {
        decode: (inputs, run) => {
          images = Math.max(images, countOf(inputs));
          return run();
        },
      });
      const held = await warmUp(counted, manifest.architecture, 8, { usable, used: () => 100 + 10 * images });
      expect(images).toBe(held);
      return held;
    };
    // A tenth of it stays free.
    expect(await warmUpWithin(1000)).toBe(8);
    expect(await warmUpWithin(180)).toBe(6);
    expect(await warmUpWithin(90)).toBe(1);
  });

  test("encodes an image, if the model can", async () => {
    const broken = watched(runtime, { encode: () => Promise.reject(new Error(OUT_OF_MEMORY)) });
    const failing = warmUp(broken, manifest.architecture, 1);
    await expect(failing).rejects.toThrow(`The warm-up of the encoder failed: ${OUT_OF_MEMORY}`);
    const { encoder_levels: _, ...decoder } = manifest.architecture.tokenizer as KlTokenizer;
    expect(await warmUp(broken, { ...manifest.architecture, tokenizer: decoder }, 1)).toBe(1);
  });

  test("fails where not even one image fits, and at any other error", async () => {
    const one = warmUp(limited({ rows: 1 }), manifest.architecture, 4);
    await expect(one).rejects.toThrow(`The warm-up with one image failed: ${OUT_OF_MEMORY}`);
    let decodes = 0;
    const lost = watched(runtime, {
      decode: (_, run) => (++decodes > 1 ? Promise.reject(new Error("The device was lost.")) : run()),
    });
    const other = warmUp(lost, manifest.architecture, 4);
    await expect(other).rejects.toThrow("The warm-up with 4 images failed: The device was lost.");
  });
});
