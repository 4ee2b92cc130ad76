import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../src/engine/open-model.js";
import { floats, type Runtime } from "../../src/engine/runtime/runtime.js";
import type { DiffusionImage } from "../../src/families/dit/image.js";
import { predict } from "../../src/families/dit/predictor.js";
import type { DitArchitecture, Manifest } from "../../src/model/manifest.js";
import { imageRequest, importTiny, WatchedBatch } from "../engine/tiny-engine.js";
import { useTemporaryFolder } from "../importer/models.js";
import { TINY_ARCHITECTURE } from "../model/tiny.js";
import { swiftShader } from "../swiftshader.js";
import { ditImage, ditRequest, importDit } from "./dit/tiny-dit.js";
import { describeStages } from "./mar/recorded-stages.js";
import { typedGraphs } from "./mar/typed-runtime.js";

/** The models on WebGPU, which needs no GPU here: SwiftShader computes on the CPU. */
Object.assign(process.env, swiftShader());
const OPTIONS = { threads: 1, provider: "webgpu" } as const;

useTemporaryFolder();

let tiny: { readonly folder: string; readonly manifest: Manifest };
let cpu: Runtime;
/** Open until the last test ends: what one model compiled is there for the next. */
let webgpu: Runtime;
beforeAll(async () => {
  tiny = await importTiny();
  const { architecture } = tiny.manifest;
  cpu = await openModel(tiny.folder, architecture, { threads: 1 });
  webgpu = await openModel(tiny.folder, architecture, OPTIONS);
});
afterAll(async () => {
  await cpu?.close();
  await webgpu?.close();
});

describe("the stages of a MAR model", () => {
  describeStages(() => typedGraphs(webgpu, TINY_ARCHITECTURE.generator), { exposed: false, isSlow: true });
});

describe("an image", () => {
  /** The pixels of images in one batch. */
  async function generate(on: Runtime, requests: readonly ReturnType<typeof imageRequest>[]): Promise<Uint8Array[]> {
    const batch = new WatchedBatch(on, tiny.manifest);
    for (const [id, request] of requests.entries()) batch.submit(id, request);
    await batch.run();
    return requests.map((_, id) => batch.ended.get(id)!.pixels!);
  }

  it("has the same bytes alone and among others, and nearly the CPU's", async () => {
    const request = imageRequest({ steps: 2, diffusion_steps: 3 });
    const others = [
      imageRequest({ guidance_scale: 1, diffusion_steps: 2 }, 2),
      imageRequest({ steps: 2, diffusion_steps: 3 }, 3, 1),
    ];
    // SwiftShader needs long for a decoder; test/commands/webgpu.test.ts runs it there.
    const generator = {
      ...webgpu,
      run: (...run: Parameters<Runtime["run"]>) => (run[0] === "decode" ? cpu : webgpu).run(...run),
    };
    const [alone] = await generate(generator, [request]);
    const [among] = await generate(generator, [request, ...others]);
    expect(Buffer.from(among!).equals(alone!)).toBe(true);
    const [expected] = await generate(cpu, [request]);
    expect(new Set(expected).size).toBeGreaterThan(50);
    expect(Math.max(...alone!.map((value, i) => Math.abs(value - expected![i]!)))).toBeLessThanOrEqual(1);
  });
});

describe("a DiT", () => {
  it("computes a row as the CPU does, with the same bits alone and among others", async () => {
    const { folder, manifest } = await importDit();
    const { architecture } = manifest;
    const model = architecture.generator as DitArchitecture;
    const images = [ditRequest(), ditRequest({ class: null, steps: 7 }, 2), ditRequest({ class: 9 }, 3)].map(
      (request) => ditImage(request, model),
    );
    const size = model.token_count * model.token_channels;
    const outputs = async (runtime: Runtime, some: readonly DiffusionImage[]) => {
      const x = new Float32Array(some.length * size);
      for (const [row, image] of some.entries()) x.set(image.x, row * size);
      const timesteps = some.map(({ timestep }) => timestep);
      return floats(await predict(runtime, model, { x, timesteps, classes: some.map((i) => i.classes[0]!) }), "out");
    };
    const dit = {
      cpu: await openModel(folder, architecture, { threads: 1 }),
      webgpu: await openModel(folder, architecture, OPTIONS),
    };
    const expected = await outputs(dit.cpu, images);
    const actual = await outputs(dit.webgpu, images);
    expect(Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5);
    for (const [row, image] of images.entries())
      expect(await outputs(dit.webgpu, [image])).toEqual(actual.slice(2 * size * row, 2 * size * (row + 1)));
    await dit.cpu.close();
    await dit.webgpu.close();
  });
});
