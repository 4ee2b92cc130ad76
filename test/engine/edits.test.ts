import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Encoder } from "../../src/engine/encoder.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import type { Runtime } from "../../src/engine/runtime/runtime.js";
import { maskedTokens } from "../../src/model/edit.js";
import { graphsOf, type Manifest } from "../../src/model/manifest.js";
import type { ImageRequest, ImageToEdit } from "../../src/model/parameters.js";
import { tokensToSample } from "../../src/model/sampler/token-order.js";
import { normals, uniform } from "../model/random.js";
import {
  countOf,
  editOf,
  expectAsAlone,
  freshImageAlone,
  imageRequest,
  importTiny,
  WatchedBatch,
  watched,
} from "./tiny-engine.js";

let folder: string;
let runtime: Runtime;
let manifest: Manifest;
beforeAll(async () => {
  ({ folder, manifest } = await importTiny());
  runtime = await openRuntime(folder, { threads: 1, graphs: graphsOf(manifest.architecture) });
});
afterAll(() => runtime?.close());

const alone = (request: ImageRequest) => freshImageAlone(runtime, manifest, request);
const SIDE = 128;
const TOKENS = 64;
const CHANNELS = 16;
const whole = new Uint8Array(SIDE * SIDE).fill(1);

/** Masks the left part of an image, so many pixels wide. */
const left = (width: number) => new Uint8Array(SIDE * SIDE).map((_, p) => Number(p % SIDE < width));

describe("an edit", () => {
  it("of everything is the ordinary image of its seed", async () => {
    for (const change of [{}, { order: "checkerboard", reconstruction_steps: 1 }, { steps: 64 }] as const) {
      const request = imageRequest({ diffusion_steps: 2, ...change }, 5);
      expect(await alone({ ...request, edit: editOf(whole) })).toBe(await alone(request));
    }
  });

  it("leaves every known token as it was given: 200 random masks", async () => {
    const draw = uniform(3);
    const given: Float32Array[] = [];
    const made: Float32Array[] = [];
    // Only the tokens are looked at.
    const seen = watched(runtime, {
      encode: async () => {
        given.push(normals(TOKENS * CHANNELS, given.length));
        return { latents: { data: given.at(-1)!, shape: [1, CHANNELS, 8, 8] } };
      },
      decode: async (inputs) => {
        const images = inputs.latents!.data as Float32Array;
        for (let start = 0; start < images.length; start += TOKENS * CHANNELS)
          made.push(images.slice(start, start + TOKENS * CHANNELS));
        return { pixels: { data: new Uint8Array(countOf(inputs) * SIDE * SIDE * 3), shape: [] } };
      },
    });
    const { pixels } = editOf(whole);
    const edits = Array.from({ length: 200 }, (): ImageToEdit => {
      const [x, y, w, h] = [draw() * SIDE, draw() * SIDE, draw() * 60, draw() * 60].map(Math.floor) as number[];
      const isIn = (p: number) => Math.abs((p % SIDE) - x!) <= w! && Math.abs(Math.floor(p / SIDE) - y!) <= h!;
      const mask = new Uint8Array(SIDE * SIDE).map((_, p) => Number(isIn(p)));
      return { pixels, mask, maskGrow: Math.floor(draw() * 3), strength: 1 - draw() };
    });
    // One step each, so that images finish in the order in which they came.
    const batch = new WatchedBatch(seen, manifest);
    for (const [id, edit] of edits.entries())
      batch.submit(id, { ...imageRequest({ steps: 1, diffusion_steps: 2, guidance_scale: 1 }, id), edit });
    await batch.run();
    const counts = { kept: 0, lost: 0, changed: 0 };
    for (const [id, edit] of edits.entries()) {
      const masked = maskedTokens(edit.mask, manifest.architecture, edit.maskGrow);
      const isSampled = tokensToSample(masked, edit.strength, id, 0);
      for (const [i, value] of given[id]!.entries()) {
        const isEqual = made[id]![i] === value;
        // Latents are [C, 8, 8], and a token is one latent pixel.
        if (isSampled[i % TOKENS]) counts.changed += Number(!isEqual);
        else counts[isEqual ? "kept" : "lost"]++;
      }
    }
    expect(counts.lost).toBe(0);
    expect(counts.kept).toBeGreaterThan(10_000);
    expect(counts.changed).toBeGreaterThan(10_000);
  });

  it("gives equal bytes alone, and among ordinary images and other edits", async () => {
    const subjects = [
      { ...imageRequest({ steps: 4 }, 31), edit: editOf(left(20)) },
      { ...imageRequest({ steps: 64, diffusion_steps: 2 }, 32), edit: { ...editOf(left(60), 9), maskGrow: 0 } },
      { ...imageRequest({ steps: 6, class: null, order: "raster" }, 33), edit: editOf(left(100), 77) },
      { ...imageRequest({ steps: 5, diffusion_steps_final: 2 }, 34), edit: { ...editOf(whole), strength: 0.4 } },
    ];
    const mixed = new WatchedBatch(runtime, manifest, { maxBatch: 6 });
    await expectAsAlone(mixed, runtime, subjects, (step) => {
      if (step === 0)
        for (let id = 100; id < 104; id++) mixed.submit(id, imageRequest({ steps: 1 + (id % 5), class: id % 10 }, id));
      if (step === 1) for (let id = 104; id < 107; id++) mixed.submit(id, imageRequest({ steps: 2 }, id));
      if (step === 2) mixed.batch.cancel(105);
    });
  });

  it("is encoded to the same latents on any number of threads", async () => {
    const threaded = await openRuntime(folder, { threads: 2, graphs: graphsOf(manifest.architecture) });
    const encode = (some: Runtime) =>
      new Encoder(some, manifest.architecture.tokenizer).encodePixels(editOf(whole).pixels);
    expect(await encode(threaded)).toEqual(await encode(runtime));
    await threaded.close();
  });

  it("takes no more steps than it has unknown tokens, and shows the known ones in previews", async () => {
    const edit = { ...editOf(left(10)), maskGrow: 0 }; // the tokens of the first column
    const given = await new Encoder(runtime, manifest.architecture.tokenizer).encodePixels(edit.pixels);
    const shown: Float32Array[] = [];
    const seen = watched(runtime, {
      decode: (inputs, run) => {
        shown.push((inputs.latents!.data as Float32Array).slice());
        return run();
      },
    });
    const batch = new WatchedBatch(seen, manifest);
    batch.submit(0, { ...imageRequest({ steps: 64, diffusion_steps: 2 }), edit });
    await batch.run(() => batch.batch.preview(0));
    expect(batch.steps.at(-1)).toBe("0:8/8");
    expect(shown.length).toBe(batch.previews.length + 1);
    expect(shown.length).toBeGreaterThan(1);
    const known = (latents: Float32Array) => latents.filter((_, i) => i % 8 > 0);
    for (const latents of shown) expect(known(latents)).toEqual(known(given));
  });

  it("counts its encoding as the tokenizer's time, and as a wait of the others", async () => {
    let encodeMs = 0;
    const timed = watched(runtime, {
      encode: async (_, run) => {
        const startMs = performance.now();
        const outputs = await run();
        encodeMs += performance.now() - startMs;
        return outputs;
      },
    });
    const batch = new WatchedBatch(timed, manifest);
    batch.submit(0, imageRequest({ steps: 2 }));
    batch.submit(1, { ...imageRequest({ steps: 2 }), edit: editOf(left(64)) });
    await batch.run();
    const [plain, edited] = [batch.ended.get(0)!.spans!, batch.ended.get(1)!.spans!];
    expect(encodeMs).toBeGreaterThan(0);
    expect(edited.decodeMs - plain.decodeMs).toBeGreaterThanOrEqual(0.9 * encodeMs);
    expect(plain.batchWaitMs).toBeGreaterThanOrEqual(encodeMs);
  });

  it("fails alone where the encoder fails, or makes no numbers", async () => {
    for (const [broken, message] of [
      [() => Promise.reject(new Error("No memory for the image.")), "No memory for the image."],
      [
        async () => ({ latents: { data: new Float32Array(TOKENS * CHANNELS).fill(Number.NaN), shape: [1, 16, 8, 8] } }),
        "The image's latents are not finite numbers.",
      ],
    ] as const) {
      const batch = new WatchedBatch(watched(runtime, { encode: broken }), manifest);
      batch.submit(0, { ...imageRequest({ steps: 1 }), edit: editOf(left(64)) });
      batch.submit(1, imageRequest({ steps: 1 }));
      await batch.run();
      expect(batch.ended.get(0)).toMatchObject({ reason: "failed", message });
      expect(batch.image(1)).toBe(await alone(imageRequest({ steps: 1 })));
    }
  });
});

it("the encoder is given planes of red, green and blue in [-1, 1]", async () => {
  let given: Float32Array | undefined;
  const seen = watched(runtime, {
    encode: (inputs, run) => {
      given = inputs.image!.data as Float32Array;
      return run();
    },
  });
  const pixels = new Uint8Array(SIDE * SIDE * 3).fill(255);
  pixels.set([0, 51, 102, 153, 204, 255]);
  await new Encoder(seen, manifest.architecture.tokenizer).encodePixels(pixels);
  const plane = SIDE * SIDE;
  [-1, -0.6, -0.2, 0.2, 0.6, 1].forEach((expected, i) => {
    expect(given![(i % 3) * plane + Math.floor(i / 3)]).toBeCloseTo(expected, 6);
  });
  expect(given!.at(-1)).toBe(1);
});
