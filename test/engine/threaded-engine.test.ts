import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Engine,
  EngineFailure,
  EngineFull,
  type GeneratedImage,
  ImageCancelled,
  ImageExpired,
} from "../../src/engine/engine.js";
import { openRuntime } from "../../src/engine/runtime/onnx.js";
import { type EngineOptions, openEngine } from "../../src/engine/threaded-engine.js";
import { MODEL_FILES } from "../../src/model/manifest.js";
import { monotonicMs } from "../../src/telemetry/monotonic-clock.js";
import { samplePlainly } from "../families/mar/plain-sampler.js";
import { hashOfFolder } from "../importer/hash-of-folder.js";
import { MAR_GRAPHS } from "../model/tiny.js";
import { editOf, fingerprint, imageRequest, importTiny } from "./tiny-engine.js";

let options: EngineOptions;
let engine: Engine;

beforeAll(async () => {
  const tiny = await importTiny();
  options = { ...tiny, maxBatch: 4, maxBatchDelayMs: 1, maxWaiting: 20, threads: 1 };
  engine = await openEngine(options);
});
afterAll(() => engine.close(0));

const hash = (image: GeneratedImage) => fingerprint(image.pixels);

/** The engine threads that live, newest last. */
const threads: Worker[] = [];
process.on("worker", (worker) => {
  threads.push(worker);
  worker.once("exit", () => threads.splice(threads.indexOf(worker), 1));
});

/** Makes the newest thread throw, between two runs: a message that is none. */
const crash = () => threads.at(-1)!.postMessage(undefined);

/** Resolves once the image has taken a step. */
function firstStep(start: (onStep: () => void) => void): Promise<void> {
  return new Promise((resolve) => start(resolve));
}

describe("an engine in its thread", () => {
  it("makes the image of the plain sampling loop, with its size and times", async () => {
    const request = imageRequest({ steps: 4 }, 61);
    const runtime = await openRuntime(options.folder, { threads: 1, graphs: MAR_GRAPHS });
    const expected = await samplePlainly(runtime, options.manifest.architecture, request);
    await runtime.close();
    const before = monotonicMs();
    const steps: string[] = [];
    const image = await engine.generate(request, { onStep: (step, of) => steps.push(`${step}/${of}`) });
    expect(hash(image)).toBe(fingerprint(expected));
    expect([image.width, image.height]).toEqual([128, 128]);
    expect(steps).toEqual(["1/4", "2/4", "3/4", "4/4"]);
    const { submittedMs, finishedMs, batchWaitMs, transformerMs, diffusionMs, decodeMs } = image.timing;
    expect(submittedMs).toBeGreaterThan(before);
    expect(finishedMs).toBeLessThan(monotonicMs());
    expect(batchWaitMs + transformerMs + diffusionMs + decodeMs).toBeCloseTo(finishedMs - submittedMs, 2);
    expect(engine.model).toBe("tiny");
  });

  it("measures from one reading of the clock, however long submitting takes", async () => {
    const { signal } = new AbortController();
    signal.addEventListener = () => {
      for (const end = performance.now() + 100; performance.now() < end; );
    };
    const { timing } = await engine.generate(imageRequest({ steps: 1 }), { signal });
    expect(timing.finishedMs).toBeLessThanOrEqual(monotonicMs());
  });

  it("counts who is in flight and who waits, and refuses whom it has no room for", async () => {
    const small = await openEngine({ ...options, maxBatch: 1, maxWaiting: 1 });
    let first: Promise<GeneratedImage> | undefined;
    await firstStep((onStep) => {
      first = small.generate(imageRequest({ steps: 8 }), { onStep });
    });
    const second = small.generate(imageRequest({ steps: 1 }));
    await expect(small.generate(imageRequest())).rejects.toThrow(EngineFull);
    expect(small.stats()).toMatchObject({ inFlight: 1, waiting: 1, maxBatch: 1 });
    await Promise.all([first, second]);
    const { runMs, ...rest } = small.stats();
    expect(rest).toEqual({ inFlight: 0, waiting: 0, maxBatch: 1 });
    expect(runMs).toBeGreaterThan(0);
    await small.close(1000);
  });

  it("lets many images share a signal without a warning of Node's, and go together", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const controller = new AbortController();
    const images = Array.from({ length: 16 }, (_, index) =>
      engine.generate(imageRequest({ steps: 64, diffusion_steps: 1000 }, 9, index), { signal: controller.signal }),
    );
    const ended = Promise.allSettled(images);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    for (const end of await ended) expect(end).toMatchObject({ reason: expect.any(ImageCancelled) });
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  it("lets an image go when its signal aborts, and its neighbours stay as they are", async () => {
    const kept = imageRequest({ steps: 6 }, 62);
    const expected = hash(await engine.generate(kept));
    const abort = new AbortController();
    const neighbour = engine.generate(kept);
    const leaving = engine.generate(imageRequest({ steps: 64, diffusion_steps: 1000 }, 63), {
      signal: abort.signal,
      onStep: (step) => step === 2 && abort.abort(),
    });
    await expect(leaving).rejects.toThrow(ImageCancelled);
    expect(hash(await neighbour)).toBe(expected);
    await expect(engine.generate(kept, { signal: abort.signal })).rejects.toThrow("before it was submitted");
    expect(engine.stats()).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it("lets an image go at its deadline", async () => {
    await expect(engine.generate(imageRequest(), { deadlineMs: monotonicMs() - 1 })).rejects.toThrow(ImageExpired);
    const late = engine.generate(imageRequest({ steps: 64, diffusion_steps: 1000 }), {
      deadlineMs: monotonicMs() + 60,
    });
    await expect(late).rejects.toThrow(ImageExpired);
  });

  it("refuses what the model can't be asked for, in a sentence", async () => {
    const wrong = engine.generate(imageRequest({ class: 10, steps: 65 }));
    await expect(wrong).rejects.toThrow(EngineFailure);
    await expect(wrong).rejects.toThrow(
      "class must be a class index from 0 to 9, or null for none, not 10; steps must be",
    );
  });
});

describe("an edit", () => {
  it("that can't be made is refused in a sentence", async () => {
    const edit = editOf(new Uint8Array(128 * 128));
    await expect(engine.generate({ ...imageRequest(), edit })).rejects.toThrow(
      "The image can't be edited: nothing is masked.",
    );
  });
});

describe("when the thread dies", () => {
  it("makes the same images in the next one, waiting and in flight, edits too", async () => {
    const edit = editOf(new Uint8Array(128 * 128).fill(1, 4000, 9000));
    const requests = [1, 2, 3, 4, 5, 6].map((seed) => ({
      ...imageRequest({ steps: 5, diffusion_steps: 100 }, 70 + seed),
      ...(seed % 2 === 1 && { edit }),
    }));
    const expected = (await Promise.all(requests.map((request) => engine.generate(request)))).map(hash);
    let images: Promise<GeneratedImage[]> | undefined;
    await firstStep((onStep) => {
      images = Promise.all(requests.map((request) => engine.generate(request, { onStep })));
    });
    const dead = threads.at(-1)!;
    const died = new Promise((resolve) => dead.once("exit", resolve));
    crash();
    expect((await images)?.map(hash)).toEqual(expected);
    await died;
    expect(threads.at(-1)).not.toBe(dead);
  });

  it("gives an image up that was in flight each of three times, and goes on", async () => {
    let deaths = 0;
    const doomed = engine.generate(imageRequest({ steps: 64, diffusion_steps: 1000 }), {
      onStep: (step) => {
        if (step === 1 && ++deaths <= 3) crash();
      },
    });
    await expect(doomed).rejects.toThrow("The engine died 3 times while it made this image");
    expect((await engine.generate(imageRequest({ steps: 1 }))).width).toBe(128);
  });
});

describe("when the process exits in the middle of a run", () => {
  it("waits for the run, and ends with the exit code that was meant", async () => {
    // Denoise runs of 64 guided rows x 1000 steps: whenever the exit comes, one of them is under way.
    const script = join(dirname(options.folder), "exits.mjs");
    await writeFile(
      script,
      `import { openEngine } from ${JSON.stringify(new URL("../../dist/engine/threaded-engine.js", import.meta.url))};
      const { options, request } = JSON.parse(process.argv[2]);
      const engine = await openEngine(options);
      void engine.generate(request, { onStep: () => process.exit(7) });`,
    );
    const request = imageRequest({ steps: 2, diffusion_steps: 1000 });
    const argument = JSON.stringify({ options: { ...options, maxBatch: 1 }, request });
    const child = spawn(process.execPath, [script, argument], { stdio: "pipe" });
    let written = "";
    child.stderr.on("data", (data) => {
      written += data;
    });
    const [code, signal] = await once(child, "exit");
    expect({ code, signal, written }).toEqual({ code: 7, signal: null, written: "" });
  });
});

describe("opening and closing", () => {
  it("says why a folder can't be opened", async () => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-empty-"));
    const opening = openEngine({ ...options, folder });
    await expect(opening).rejects.toThrow(EngineFailure);
    await expect(opening).rejects.toThrow(/has no predict\.onnx/);
    await rm(folder, { recursive: true });
  });

  it("says of a model whose weights are no numbers that the model is broken, not the request", async () => {
    const folder = await mkdtemp(join(tmpdir(), "marimba-nan-"));
    await cp(options.folder, folder, { recursive: true });
    const weights = join(folder, MODEL_FILES.generator);
    await writeFile(weights, new Uint8Array((await stat(weights)).size).fill(0xff));
    const manifest = { ...options.manifest, hash: hashOfFolder(folder, options.manifest) };
    const error = await openEngine({ ...options, folder, manifest }).catch(String);
    expect(error).toContain(`The model tiny in ${folder} can't be used: The warm-up with one image failed: `);
    expect(error).toMatch(/its weights are not those of a trained model\.$/);
    await expect(openEngine({ ...options, folder })).rejects.toThrow(
      /generator\.safetensors, tokenizer\.safetensors are not the files/,
    );
    await rm(folder, { recursive: true });
  });

  it("finishes what it took within the grace, and takes no more", async () => {
    const closing = await openEngine({ ...options, maxBatch: 1 });
    const images = [1, 2].map((seed) => closing.generate(imageRequest({ steps: 2 }, seed)));
    const closed = closing.close(60_000);
    await expect(closing.generate(imageRequest())).rejects.toThrow("takes no more");
    expect((await Promise.all(images)).length).toBe(2);
    await closed;
    await closing.close(0);
  });

  it("cancels what the grace does not cover", async () => {
    const closing = await openEngine({ ...options, maxBatch: 1 });
    const images = [1, 2].map((seed) => closing.generate(imageRequest({ steps: 64, diffusion_steps: 1000 }, seed)));
    const ends = Promise.allSettled(images);
    await closing.close(0);
    for (const end of await ends) expect(end).toMatchObject({ reason: expect.any(ImageCancelled) });
  });
});
