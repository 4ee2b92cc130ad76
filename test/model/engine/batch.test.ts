import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Manifest } from "../../../src/model/manifest.js";
import type { ImageRequest } from "../../../src/model/parameters.js";
import { openRuntime } from "../../../src/model/runtime/onnx.js";
import type { DenoiseBatch, PredictBatch, Runtime } from "../../../src/model/runtime/runtime.js";
import { samplePlainly } from "./plain-sampler.js";
import { fingerprint, imageRequest, importTiny, WatchedBatch } from "./tiny-engine.js";

let runtime: Runtime;
let manifest: Manifest;

beforeAll(async () => {
  const tiny = await importTiny();
  manifest = tiny.manifest;
  runtime = await openRuntime(tiny.folder, { threads: 1 });
});
afterAll(() => runtime.close());

/** The real runtime, seen (or disturbed) before and after its runs. */
function watched(change: {
  predict?: (batch: PredictBatch, run: Runtime["predict"]) => ReturnType<Runtime["predict"]>;
  denoise?: (batch: DenoiseBatch, run: Runtime["denoise"]) => ReturnType<Runtime["denoise"]>;
  decode?: (latents: Float32Array, images: number, run: Runtime["decode"]) => ReturnType<Runtime["decode"]>;
}): Runtime {
  return {
    predict: (batch) => (change.predict ?? ((b, run) => run(b)))(batch, (b) => runtime.predict(b)),
    denoise: (batch) => (change.denoise ?? ((b, run) => run(b)))(batch, (b) => runtime.denoise(b)),
    decode: (latents, images) =>
      (change.decode ?? ((l, n, run) => run(l, n)))(latents, images, (l, n) => runtime.decode(l, n)),
    close: () => runtime.close(),
  };
}

/** The picture that a request gives in a batch of its own; each is made once. */
async function alone(request: ImageRequest): Promise<string> {
  const key = JSON.stringify(request);
  const picture = made.get(key) ?? (await freshlyAlone(request));
  made.set(key, picture);
  return picture;
}
const made = new Map<string, string>();

async function freshlyAlone(request: ImageRequest): Promise<string> {
  const one = new WatchedBatch(runtime, manifest);
  one.submit(0, request);
  await one.run();
  return one.picture(0);
}

/** Images that differ in everything that may differ within a batch. */
const SUBJECTS: readonly ImageRequest[] = [
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

describe("a picture is a function of its request", () => {
  it("whoever it shares the batch with, whenever they come and go", async () => {
    const expected = await Promise.all(SUBJECTS.map(alone));
    expect(new Set(expected).size).toBe(SUBJECTS.length);

    const mixed = new WatchedBatch(runtime, manifest, { maxBatch: 10 });
    const neighbour = (id: number) =>
      mixed.submit(
        id,
        imageRequest(
          { class: id % 10, steps: 1 + (id % 5), guidance_scale: 1 + (id % 3), diffusion_steps: 3 + (id % 3) },
          id,
        ),
      );
    for (let id = 100; id < 107; id++) neighbour(id);
    await mixed.run((step) => {
      if (step < SUBJECTS.length) mixed.submit(step, SUBJECTS[step]!);
      if (step === 1) for (let id = 107; id < 112; id++) neighbour(id);
      if (step === 2) for (const id of [104, 109]) mixed.batch.cancel(id);
    });
    expect(mixed.ended.size).toBe(12 + SUBJECTS.length);
    expect(mixed.ended.get(104)?.reason).toBe("cancelled");
    SUBJECTS.forEach((_, id) => {
      expect(mixed.picture(id), `subject ${id}`).toBe(expected[id]);
    });
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
    const { width, depth } = manifest.architecture.generator.head;
    const sliced = new WatchedBatch(
      watched({
        denoise: (batch, run) => {
          const { rows, guidedRows, steps } = batch;
          runs.push({ rows, steps });
          expect((rows + guidedRows) * steps * 4 * (3 * depth + 2) * width).toBeLessThanOrEqual(64 * 1024 * 1024);
          return run(batch);
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
    for (const id of [0, 1]) expect(sliced.picture(id)).toEqual(expected[id]);
  });

  it("and of its seed and index", async () => {
    const request = imageRequest({ steps: 2 }, 31);
    const expected = await alone(request);
    expect(await alone({ ...request, seed: 32 })).not.toEqual(expected);
    expect(await alone({ ...request, imageIndex: 1 })).not.toEqual(expected);
    expect(await freshlyAlone(request)).toEqual(expected);
  });
});

describe("guidance", () => {
  it("costs an unconditional row only where it changes anything", async () => {
    const rows: number[] = [];
    const counting = watched({
      predict: (batch, run) => {
        rows.push(batch.rows);
        return run(batch);
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
    for (const [id, request] of good.entries()) expect(batch.picture(id)).toEqual(await alone(request));
    return batch;
  }

  it("fails alone when predict throws", async () => {
    const batch = await withPoison(
      watched({
        predict: async (inputs, run) => {
          if (inputs.classes.includes(BigInt(POISON))) throw new Error("No memory for the scores.");
          return run(inputs);
        },
      }),
    );
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: expect.stringContaining("No memory") });
  });

  it("fails alone when denoise throws in the middle of the loop", async () => {
    let call = 0;
    const batch = await withPoison(
      watched({
        denoise: async (inputs, run) => {
          if (call++ > 0 && inputs.temperature.includes(1.75)) throw new Error("No memory for the products.");
          return run(inputs);
        },
      }),
    );
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: expect.stringContaining("products") });
  });

  it("fails alone when its latents are no numbers, with a sentence", async () => {
    const batch = await withPoison(
      watched({
        denoise: async (inputs, run) => {
          const { x } = await run(inputs);
          const channels = x.length / inputs.rows;
          inputs.temperature.forEach((temperature, row) => {
            if (temperature === 1.75) x[row * channels] = Number.NaN;
          });
          return { x };
        },
      }),
    );
    expect(batch.ended.get(9)?.reason).toBe("failed");
    expect(batch.ended.get(9)?.message).toMatch(/stopped being finite numbers in step 1 of 2; .*max_timestep/);
  });

  it("fails alone when its decoding throws", async () => {
    let poisoned: Float32Array | undefined;
    const latentSize = 16 * 8 * 8;
    const batch = await withPoison(
      watched({
        decode: async (latents, images, run) => {
          poisoned ??= latents.slice(2 * latentSize, 3 * latentSize); // third in the batch
          for (let i = 0; i < images; i++)
            if (latents[i * latentSize] === poisoned[0]) throw new Error("No memory for the picture.");
          return run(latents, images);
        },
      }),
    );
    expect(batch.ended.get(9)).toMatchObject({ reason: "failed", message: expect.stringContaining("picture") });
  });
});

describe("leaving early", () => {
  it("is possible while waiting, between runs, and after the deadline", async () => {
    const batch = new WatchedBatch(runtime, manifest, { maxBatch: 3 });
    const kept = imageRequest({ steps: 5 }, 50);
    batch.submit(0, kept);
    batch.submit(1, imageRequest({ steps: 5 }, 51));
    batch.submit(2, imageRequest({ steps: 5 }, 52), Date.now() + 3_600_000);
    batch.submit(3, imageRequest({ steps: 5 }, 53));
    batch.submit(4, imageRequest({ steps: 5 }, 54), Date.now() - 1);
    const now = Date.now;
    await batch.run((step) => {
      if (step === 1) batch.batch.cancel(3);
      if (step === 2)
        batch.onPause = () => {
          batch.batch.cancel(1);
          batch.onPause = () => {};
        };
      if (step === 3) Date.now = () => now() + 7_200_000;
    });
    Date.now = now;
    expect(batch.ended.get(3)).toEqual({
      reason: "cancelled",
      message: expect.stringContaining("before its first step"),
    });
    expect(batch.ended.get(1)).toEqual({ reason: "cancelled", message: "The image was cancelled after 2 of 5 steps." });
    expect(batch.ended.get(2)).toEqual({ reason: "expired", message: "The deadline passed after 3 of 5 steps." });
    expect(batch.ended.get(4)?.reason).toBe("expired");
    expect(batch.picture(0)).toEqual(await alone(kept));
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
    const small = watched({
      predict: (inputs, make) => run("predict", inputs.rows, 4, () => make(inputs)),
      denoise: (inputs, make) => run("denoise", inputs.rows, 64, () => make(inputs)),
      decode: (latents, images, make) => run("decode", images, 2, () => make(latents, images)),
    });
    const batch = new WatchedBatch(small, manifest, { maxBatch: 10 });
    SUBJECTS.forEach((request, id) => {
      batch.submit(id, request);
    });
    await batch.run();
    for (const [id, request] of SUBJECTS.entries()) expect(batch.picture(id)).toBe(await alone(request));
    expect(largest.predict).toBeLessThanOrEqual(4);
    expect(largest.decode).toBe(2);
  });
});

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

  it.each([
    ["continuous", [[0, 1], [2], [3]], ["0:1/3 1:1/1", "0:2/3 2:1/1", "0:3/3 3:1/1"]],
    [
      "static",
      [
        [0, 1],
        [2, 3],
      ],
      ["0:1/3 1:1/1", "0:2/3", "0:3/3", "2:1/1 3:1/1"],
    ],
    [
      "static-ragged",
      [
        [0, 1],
        [2, 3],
      ],
      ["0:1/3 1:1/1", "0:2/3", "0:3/3", "2:1/1 3:1/1"],
    ],
  ] as const)("of images that come during a run: %s", async (batching, started, steps) => {
    const batch = new WatchedBatch(runtime, manifest, { maxBatch: 2, batching });
    [3, 1].forEach((count, id) => {
      batch.submit(id, imageRequest({ steps: count, diffusion_steps: 2 }, id));
    });
    batch.onPause = () => {
      batch.onPause = () => {};
      for (const id of [2, 3]) batch.submit(id, imageRequest({ steps: 1, diffusion_steps: 2 }, id));
    };
    await batch.run();
    expect(batch.started).toEqual(started);
    expect(batch.steps).toEqual(steps);
    for (const id of [0, 1, 2, 3])
      expect(batch.picture(id)).toBe(await alone(imageRequest({ steps: [3, 1, 1, 1][id]!, diffusion_steps: 2 }, id)));
  });

  it.each([
    ["continuous", [4, 2, 2], [1, 1], 1],
    ["static", [4, 4, 4], [2], 3],
    ["static-ragged", [4, 2, 2], [2], 3],
  ] as const)(
    "of nobody else until the last is done, and nobody leaves: %s",
    async (batching, rows, pictures, stepsWithout) => {
      const computed: number[] = [];
      const decoded: number[] = [];
      const counting = watched({
        predict: (inputs, run) => {
          computed.push(inputs.rows);
          return run(inputs);
        },
        decode: (latents, images, run) => {
          decoded.push(images);
          return run(latents, images);
        },
      });
      const batch = new WatchedBatch(counting, manifest, { batching });
      const requests = [3, 1].map((steps, id) => imageRequest({ steps, diffusion_steps: 2 }, 70 + id));
      requests.forEach((request, id) => {
        batch.submit(id, request);
      });
      let withoutPicture = 0;
      await batch.run(() => {
        if (batch.ended.size === 0) withoutPicture++;
      });
      // Rows of one step may need several runs, where their known tokens are padded to different lengths.
      expect(rowsByStep(computed, rows)).toEqual(rows);
      expect(decoded).toEqual(pictures);
      expect(withoutPicture).toBe(stepsWithout);
      for (const [id, request] of requests.entries()) expect(batch.picture(id)).toBe(await alone(request));
      const short = batch.ended.get(1)!.spans!;
      expect(short.batchSize).toBe(2);
      expect(short.msPerImage).toBeLessThanOrEqual(short.transformerMs + short.diffusionMs + short.decodeMs);
    },
  );

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

describe("timing", () => {
  it("has contiguous spans from submission to pixels, and each image's share", async () => {
    let decodedMs = 0;
    const timed = watched({
      decode: async (latents, images, run) => {
        const result = await run(latents, images);
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
