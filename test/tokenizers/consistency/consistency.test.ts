import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import type { Runtime, Tensors } from "../../../src/engine/runtime/runtime.js";
import { warmUp } from "../../../src/engine/warm-up.js";
import { generatorTable } from "../../../src/families/mar/importing/tensors.js";
import { importModel } from "../../../src/importer/import.js";
import type { ImportOptions } from "../../../src/importer/options.js";
import { checkModelFiles } from "../../../src/model/files/model-files.js";
import { graphsOf, type Manifest } from "../../../src/model/manifest.js";
import { ImageNoise } from "../../../src/model/sampler/noise.js";
import { DECODER_STEP } from "../../../src/model/sampler/philox.js";
import { consistencySteps } from "../../../src/tokenizers/consistency/schedule.js";
import { expectAsAlone, freshImageAlone, imageRequest, WatchedBatch, watched } from "../../engine/tiny-engine.js";
import {
  entriesOf,
  SMALL_CONFIG,
  SMALL_GENERATOR,
  temporaryPath,
  useTemporaryFolder,
  writeJson,
  writeRamps,
} from "../../importer/models.js";
import { REFERENCE } from "../../reference.js";

useTemporaryFolder();

const SYSTEMS = join(REFERENCE, "systems");
const PLANE = 64 * 64;

/** A MAR model with patches of 2 x 2 latents of KL-8, and the decoder. */
async function imported(name: string, change: Partial<ImportOptions> = {}) {
  return importModel({
    name,
    generator: await writeRamps("generator.safetensors", entriesOf(generatorTable(SMALL_GENERATOR))),
    tokenizer: join(SYSTEMS, "kl8/model.ckpt"),
    decoder: join(SYSTEMS, "consistency/diffusion_pytorch_model.safetensors"),
    arch: await writeJson("config.json", { mar: { ...SMALL_CONFIG.mar, img_size: 64 }, decoder: { norm_groups: 8 } }),
    precision: "fp32",
    modelsDir: temporaryPath("models"),
    ...change,
  });
}

describe("a model with a consistency decoder", () => {
  let folder: string;
  let manifest: Manifest;
  let runtime: Runtime;
  beforeAll(async () => {
    ({ folder, manifest } = await imported("clamped"));
    runtime = await openRuntime(folder, { threads: 1, graphs: graphsOf(manifest.architecture) });
  });
  afterAll(() => runtime?.close());

  test("has its sizes and its files in the manifest", async () => {
    expect(manifest.architecture.decoder).toEqual({
      kind: "consistency",
      channels: [16, 24, 32, 32],
      blocks: 1,
      norm_groups: 8,
      norm_eps: 1e-5,
      clamp: true,
    });
    expect(manifest.defaults.decoder).toBe("consistency");
    expect(manifest.source.decoder?.file).toBe("diffusion_pytorch_model.safetensors");
    expect(manifest.weight_files).toContain("decoder.safetensors");
    await expect(checkModelFiles(folder, manifest)).resolves.toBeUndefined();
  });

  /** The runtime, and the decoding graphs of its runs. */
  function noted() {
    const runs: string[] = [];
    const note = (graph: string) => async (_: Tensors, run: () => Promise<Tensors>) => {
      runs.push(graph);
      return run();
    };
    return { runs, seen: watched(runtime, { decode: note("decode"), consistency: note("consistency") }) };
  }

  test("gives the same bytes alone and in a batch, and previews by the tokenizer's own decoder", async () => {
    const { runs, seen } = noted();
    const requests = [imageRequest({}, 1), imageRequest({ steps: 4 }, 2), imageRequest({}, 1, 1)];
    const batch = new WatchedBatch(seen, manifest);
    await expectAsAlone(batch, runtime, requests, (step) => step === 1 && batch.batch.preview(0));
    expect(batch.previews.map(({ id }) => id)).toEqual([0]);
    expect(runs.filter((graph) => graph === "decode").length).toBe(1);
    expect(runs.filter((graph) => graph === "consistency").length).toBe(2 * requests.length);
  });

  test("decodes each image of a batch by the decoder that its request asks for", async () => {
    const { runs, seen } = noted();
    const decoders = ["tokenizer", "consistency", "tokenizer", undefined] as const;
    const requests = decoders.map((decoder, i) => imageRequest(decoder && { decoder }, 1 + (i >> 1)));
    const batch = new WatchedBatch(seen, manifest);
    for (const [id, request] of requests.entries()) batch.submit(id, request);
    await batch.run();
    // Images of the faster decoder share a run, and do not wait for the others.
    expect(runs).toEqual(["decode", "consistency", "consistency", "consistency", "consistency"]);
    const images = requests.map((_, id) => batch.image(id));
    expect(new Set(images).size).toBe(requests.length);
    const again = await openRuntime(folder, { threads: 1, graphs: graphsOf(manifest.architecture) });
    for (const [id, request] of requests.entries())
      expect(await freshImageAlone(again, manifest, request)).toBe(images[id]);
    await again.close();
    const explicit = imageRequest({ decoder: "consistency" }, 2);
    expect(await freshImageAlone(runtime, manifest, explicit)).toBe(images[3]);
  });

  test("warms up with one image of the consistency decoder, and batches of the tokenizer's", async () => {
    const { runs, seen } = noted();
    expect(await warmUp(seen, manifest.architecture, 4)).toBe(4);
    expect(runs.filter((graph) => graph === "consistency").length).toBe(2);
    expect(runs.slice(0, 2)).toEqual(["consistency", "consistency"]);
  });

  test("adds the image's own noise in each of its two steps", async () => {
    const inputs: Float32Array[] = [];
    const outputs: Float32Array[] = [];
    const seen = watched(runtime, {
      consistency: async (given, run) => {
        inputs.push(given.x!.data as Float32Array);
        const result = await run();
        outputs.push(result.x0!.data as Float32Array);
        return result;
      },
    });
    await freshImageAlone(seen, manifest, imageRequest({}, 5, 3));
    const noise = new ImageNoise(5, 3);
    const rgb = new Float32Array(3);
    for (const [k, step] of consistencySteps().entries())
      for (const pixel of [0, 1, 70, PLANE - 1]) {
        noise.fill(rgb, 0, 3, DECODER_STEP, pixel, k);
        for (const channel of [0, 1, 2]) {
          const at = channel * PLANE + pixel;
          const signal = k === 0 ? 0 : step.signal * outputs[0]![at]!;
          expect(inputs[k]![at]).toBeCloseTo(step.noise * rgb[channel]! + signal, 5);
        }
      }
  });

  test("stops between its steps where the image is cancelled", async () => {
    let runs = 0;
    const seen = watched(runtime, {
      consistency: async (_, run) => {
        if (runs++ === 0) batch.onPause = () => batch.batch.cancel(0);
        return run();
      },
    });
    const batch = new WatchedBatch(seen, manifest);
    batch.submit(0, imageRequest({}, 1));
    await batch.run();
    expect(batch.ended.get(0)).toMatchObject({ reason: "cancelled" });
    expect(runs).toBe(1);
  });

  test("makes another image without the clamp", async () => {
    const unclamped = await imported("unclamped", { decoderClamp: false });
    const graphs = graphsOf(unclamped.manifest.architecture);
    const other = await openRuntime(unclamped.folder, { threads: 1, graphs });
    const image = await freshImageAlone(other, unclamped.manifest, imageRequest({}, 1));
    expect(image).not.toBe(await freshImageAlone(runtime, manifest, imageRequest({}, 1)));
    await other.close();
  });
});

describe("refused are", () => {
  const refusal = (change: Partial<ImportOptions>) =>
    imported("refused", change).then(
      () => "imported",
      (error: Error) => error.message,
    );

  test("groups that do not divide the channels", async () => {
    const arch = await writeJson("groups.json", { mar: { ...SMALL_CONFIG.mar, img_size: 64 } });
    expect(await refusal({ arch })).toMatch(/a level of 16 channels.*multiples of 32.*decoder\.norm_groups/);
  });

  test("other latents than KL-8's", async () => {
    const tiny = {
      generator: join(REFERENCE, "tiny/mar.safetensors"),
      tokenizer: join(REFERENCE, "tiny/kl16.safetensors"),
    };
    const message = await refusal({ ...tiny, arch: join(REFERENCE, "tiny/config.json") });
    expect(message).toBe(
      'The consistency decoder decodes the latents of KL-8, a KL autoencoder with 4 channels; this tokenizer is of the kind "kl", with 16.',
    );
  });

  test("a decoder in the tokenizer's place", async () => {
    const tokenizer = join(SYSTEMS, "consistency/diffusion_pytorch_model.safetensors");
    expect(await refusal({ tokenizer })).toContain("holds a decoder, not a tokenizer; --generator takes");
  });
});
