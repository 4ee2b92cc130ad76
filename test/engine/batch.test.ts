import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import { floats, type Runtime, type Tensors } from "../../src/engine/runtime/runtime.js";
import { type Manifest, marArchitecture } from "../../src/model/manifest.js";
import type { ImageRequest } from "../../src/model/parameters.js";
import { monotonicMs } from "../../src/telemetry/monotonic-clock.js";
import { samplePlainly } from "../families/mar/plain-sampler.js";
import { MAR_GRAPHS } from "../model/tiny.js";
import {
  countOf,
  expectAsAlone,
  fingerprint,
  freshImageAlone,
  imageAlone,
  imageRequest,
  importTiny,
  WatchedBatch,
  watched,
} from "./tiny-engine.js";

let runtime: Runtime;
let manifest: Manifest;

beforeAll(async () => {
  const tiny = await importTiny();
  manifest = tiny.manifest;
  runtime = await openRuntime(tiny.folder, { threads: 1, graphs: MAR_GRAPHS });
});
afterAll(() => runtime.close());

const alone = (request: ImageRequest) => imageAlone(runtime, manifest, request);

/** Images that differ in everything that may differ within a batch. */
const SUBJECTS: readonly ReturnType<typeof imageRequest>[] = [
  imageRequest({ class: 1, steps: 1, guidance_scale: 1 }, 11),
  imageRequest({ class: 4, steps: 3, guidance_scale: 3, guidance_schedule: "constant", temperature: 0.9 }, 12, 5),
  imageRequest({ class: null, steps: 4, diffusion_steps: 7, guidance_scale: 4 }, 13),
  imageRequest({ class: 9, steps: 6, diffusion_steps: 3, max_timestep: 300, order: "raster" }, 2 ** 52 + 14),
  imageRequest({ class: 2, steps: 5, diffusion_steps: 9, diffusion_steps_final: 3 }, 15),
  imageRequest({ class: 5, steps: 6, order: "checkerboard", reconstruction_steps: 2, guidance_scale: 1 }, 16),
  imageRequest(
    { steps: 4, diffusion_steps: 7, diffusion_steps_final: 4, order: "checkerboard", reconstruction_steps: 1 },
    17,
  ),
];

describe("a image is a function of its request", () => {
  it("whoever it shares the batch with, whenever they come and go", async () => {
    const mixed = new WatchedBatch(runtime, manifest, { maxBatch: 10 });
    const neighbour = (id: number) =>
      mixed.submit(
        id,
        imageRequest(
          { class: id % 10, steps: 1 + (id % 5), guidance_scale: 1 + (id % 3), diffusion_steps: 3 + (id % 3) },
          id,
        ),
      );
    await expectAsAlone(mixed, runtime, SUBJECTS, (step) => {
      if (step === 0) for (let id = 100; id < 107; id++) neighbour(id);
      if (step === 1) for (let id = 107; id < 112; id++) neighbour(id);
      if (step === 2) for (const id of [104, 109]) mixed.batch.cancel(id);
    });
    expect(mixed.ended.size).toBe(12 + SUBJECTS.length);
    expect(mixed.ended.get(104)?.reason).toBe("cancelled");
  });

  it("and the one that the plain sampling loop gives", async () => {
    for (const [id, request] of SUBJECTS.entries())
      expect(await alone(request), `subject ${id}`).toBe(
        fingerprint(await samplePlainly(runtime, manifest.architecture, request)),
      );
  });

  it("when rows are divided and the diffusion loop is cut into slices", async () => {
    const subjects = [1, 2].map((guidance_scale) =>
      imageRequest({ steps: 1, diffusion_steps: 8, max_timestep: 990, guidance_scale }, 21),
    );
    const expected = await Promise.all(subjects.map(alone));
    const runs: { rows: number; steps: number }[] = [];
    const { width, depth } = marArchitecture(manifest.architecture).generator.head;
    const sliced = new WatchedBatch(
      watched(runtime, {
        denoise: (inputs, run) => {
          const [steps, rows] = inputs.noise!.shape as [number, number];
          const guidedRows = inputs.guidance!.shape[0]!;
          runs.push({ rows, steps });
          expect((rows + guidedRows) * steps * 4 * (3 * depth + 2) * width).toBeLessThanOrEqual(64 * 1024 * 1024);
          return run();
        },
      }),
      manifest,
      { maxBatch: 32 },
    );
    const order = [2, 3, 0, 4, 5, 6, 1, ...Array.from({ length: 25 }, (_, i) => 7 + i)];
    for (const id of order) sliced.submit(id, subjects[id] ?? imageRequest({ ...subjects[id % 2]!.parameters }, id));
    sliced.onPause = () => {
      // Only the subjects need decoding.
      if (runs.length === 4) for (const id of order) if (id > 1) sliced.batch.cancel(id);
    };
    await sliced.run();
    // The rows of 32 images are too many even for four steps, half of them are not.
    expect(runs).toEqual(new Array(4).fill({ rows: (32 * 64) / 2, steps: 4 }));
    for (const id of [0, 1]) expect(sliced.image(id)).toEqual(expected[id]);
  });

  it("and of its seed and index", async () => {
    const request = imageRequest({ steps: 2 }, 31);
    const expected = await alone(request);
    expect(await alone({ ...request, seed: 32 })).not.toEqual(expected);
    expect(await alone({ ...request, imageIndex: 1 })).not.toEqual(expected);
    expect(await freshImageAlone(runtime, manifest, request)).toEqual(expected);
  });
});

describe("guidance", () => {
  it("costs an unconditional row only where it changes anything", async () => {
    const rows: number[] = [];
    const counting = watched(runtime, {
      predict: (inputs, run) => {
        rows.push(countOf(inputs));
        return run();
      },
    });
    for (const change of [{ guidance_scale: 2 }, { guidance_scale: 1 }, { class: null, guidance_scale: 2 }]) {
      const one = new WatchedBatch(counting, manifest);
      one.submit(0, imageRequest({ steps: 1, ...change }));
      await one.run();
    }
    expect(rows).toEqual([2, 1, 1]);
  });

  it("changes nothing without a class", async () => {
    const free = await alone(imageRequest({ class: null, guidance_scale: 1 }));
    expect(await alone(imageRequest({ class: null, guidance_scale: 3 }))).toEqual(free);
    expect(await alone(imageRequest({ guidance_scale: 3 }))).not.toEqual(
      await alone(imageRequest({ guidance_scale: 1 })),
    );
  });
});

const temperatures = (inputs: Tensors) => inputs.temperature!.data as Float32Array;

describe("an image that cannot be made", () => {
  const POISON = 8;
  /** Three good images around a bad one of class 8; their pixels must be those they have alone. */
  async function withPoison(disturbed: Runtime): Promise<WatchedBatch> {
    const batch = new WatchedBatch(disturbed, manifest);
    const good = [0, 1, 2].map((id) => imageRequest({ class: id, steps: 2 }, 40 + id));
    good.forEach((request, id) => {
      batch.submit(id, request);
      if (id === 1) batch.submit(9, imageRequest({ class: POISON, steps: 2, temperature: 1.75 }, 49));
    });
    await batch.run();
    expect(batch.ended.size).toBe(4);
    for (const [id, request] of good.entries()) expect(batch.image(id)).toEqual(await alone(request));
    return batch;
  }

  it("fails alone when predict throws", async () => {
    const batch = await withPoison(
      watched(runtime, {
        predict: async (inputs, run) => {
          if ((inputs.classes!.data as BigInt64Array).includes(BigInt(POISON)))
            throw new Error("No memory for the scores.");
          return run();
        },
      }),
    );
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: expect.stringContaining("No memory") });
  });

  it("fails alone when denoise throws in the middle of the loop", async () => {
    let call = 0;
    const batch = await withPoison(
      watched(runtime, {
        denoise: async (inputs, run) => {
          if (call++ > 0 && temperatures(inputs).includes(1.75)) throw new Error("No memory for the products.");
          return run();
        },
      }),
    );
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: expect.stringContaining("products") });
  });

  it("fails alone when its latents are no numbers, with a sentence", async () => {
    const batch = await withPoison(
      watched(runtime, {
        denoise: async (inputs, run) => {
          const outputs = await run();
          const x = floats(outputs, "x_out");
          const channels = x.length / countOf(inputs);
          temperatures(inputs).forEach((temperature, row) => {
            if (temperature === 1.75) x[row * channels] = Number.NaN;
          });
          return outputs;
        },
      }),
    );
    expect(batch.ended.get(9)?.reason).toBe("not_finite");
    expect(batch.ended.get(9)?.message).toMatch(/stopped being finite numbers in step 1 of 2; .*max_timestep/);
  });

  it("fails alone when its decoding throws", async () => {
    let poisoned: Float32Array | undefined;
    const latentSize = 16 * 8 * 8;
    const batch = await withPoison(
      watched(runtime, {
        decode: async (inputs, run) => {
          const latents = inputs.latents!.data as Float32Array;
          poisoned ??= latents.slice(2 * latentSize, 3 * latentSize); // third in the batch
          for (let i = 0; i < countOf(inputs); i++)
            if (latents[i * latentSize] === poisoned[0]) throw new Error("No memory for the image.");
          return run();
        },
      }),
    );
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: expect.stringContaining("image") });
  });
});

describe("leaving early", () => {
  it("is possible while waiting, between runs, and after the deadline", async () => {
    const batch = new WatchedBatch(runtime, manifest, { maxBatch: 3 });
    const kept = imageRequest({ steps: 5 }, 50);
    batch.submit(0, kept);
    batch.submit(1, imageRequest({ steps: 5 }, 51));
    batch.submit(2, imageRequest({ steps: 5 }, 52), monotonicMs() + 3_600_000);
    batch.submit(3, imageRequest({ steps: 5 }, 53));
    batch.submit(4, imageRequest({ steps: 5 }, 54), monotonicMs() - 1);
    const now = process.hrtime.bigint;
    await batch.run((step) => {
      if (step === 1) batch.batch.cancel(3);
      if (step === 2)
        batch.onPause = () => {
          batch.batch.cancel(1);
          batch.onPause = () => {};
        };
      if (step === 3) process.hrtime.bigint = () => now() + 7_200_000_000_000n;
    });
    process.hrtime.bigint = now;
    expect(batch.ended.get(3)).toEqual({
      reason: "cancelled",
      message: expect.stringContaining("before its first step"),
    });
    expect(batch.ended.get(1)).toEqual({ reason: "cancelled", message: "The image was cancelled after 2 of 5 steps." });
    expect(batch.ended.get(2)).toEqual({ reason: "expired", message: "The deadline passed after 3 of 5 steps." });
    expect(batch.ended.get(4)?.reason).toBe("expired");
    expect(batch.image(0)).toEqual(await alone(kept));
  });

  it("leaves nothing behind when everyone goes", async () => {
    const batch = new WatchedBatch(runtime, manifest);
    batch.submit(0, imageRequest());
    batch.onPause = () => batch.batch.cancel(0);
    await batch.run();
    expect(batch.ended.get(0)?.reason).toBe("cancelled");
    expect(batch.batch.idleMs()).toBe(Number.POSITIVE_INFINITY);
    batch.batch.cancel(0);
    batch.batch.cancel(77);
  });
});

describe("want of memory", () => {
  it("makes runs smaller and no image fail", async () => {
    const largest = { predict: 0, denoise: 0, decode: 0 };
    const run = async <Result>(
      kind: keyof typeof largest,
      size: number,
      limit: number,
      make: () => Promise<Result>,
    ) => {
      if (size > limit) throw new Error(`Failed to allocate memory for requested buffer of size ${size * 2 ** 28}`);
      largest[kind] = Math.max(largest[kind], size);
      return make();
    };
    const small = watched(runtime, {
      predict: (inputs, make) => run("predict", countOf(inputs), 4, make),
      denoise: (inputs, make) => run("denoise", countOf(inputs), 64, make),
      decode: (inputs, make) => run("decode", countOf(inputs), 2, make),
    });
    const batch = new WatchedBatch(small, manifest, { maxBatch: 10 });
    SUBJECTS.forEach((request, id) => {
      batch.submit(id, request);
    });
    await batch.run();
    for (const [id, request] of SUBJECTS.entries()) expect(batch.image(id)).toBe(await alone(request));
    expect(largest.predict).toBeLessThanOrEqual(4);
    expect(largest.decode).toBe(2);
  });
});
