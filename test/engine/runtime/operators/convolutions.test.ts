import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { openRuntime } from "../../../../src/engine/runtime/onnx.js";
import type { Tensor } from "../../../../src/engine/runtime/runtime.js";
import { buildTokenizerGraphs } from "../../../../src/families/families.js";
import { levelBlocks, upsample } from "../../../../src/model/graph/autoencoder-blocks.js";
import { readWeights } from "../../../../src/model/graph/read-weights.js";
import { graphsOf, MODEL_FILES } from "../../../../src/model/manifest.js";
import { readManifest } from "../../../../src/model/registry.js";
import { type Build, computed, describeOperators, deviation, wave, weights } from "./compare.js";

interface Images {
  readonly images?: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly height: number;
  readonly width: number;
  readonly groups?: number;
  readonly upsamples?: true;
}

/** A residual block of a tokenizer, or its convolution after an upsampling. */
function convolution({ images = 1, inputs, outputs, height, width, groups = 1, upsamples }: Images) {
  const name = `level ${inputs} ${outputs}.block.0`;
  const parts: [string, number[]][] = [
    ...[1, 2].flatMap((i): [string, number[]][] => [
      [`norm${i}.weight`, [i === 1 ? inputs : outputs]],
      [`norm${i}.bias`, [i === 1 ? inputs : outputs]],
      [`conv${i}.weight`, [outputs, i === 1 ? inputs : outputs, 3, 3]],
      [`conv${i}.bias`, [outputs]],
    ]),
    ["nin_shortcut.weight", [outputs, inputs, 1, 1]],
    ["nin_shortcut.bias", [outputs]],
  ];
  for (const [part, shape] of parts) {
    const byteLength = 4 * shape.reduce((product, size) => product * size, 1);
    const location = part.startsWith("norm") ? "norms" : "float32";
    weights.set(`${name}.${part}`, { location, offset: 0, byteLength, shape, type: "float32" });
  }
  const build: Build = (g) => {
    const x = g.input("x", "float32", ["images", inputs, height, width]);
    if (upsamples) return upsample(g, x, `${name}.conv1`);
    const t = { norm_groups: groups, norm_eps: 1e-6 };
    return levelBlocks(g, t, x, `level ${inputs} ${outputs}`, { blocks: 1, attention: false });
  };
  return { build, given: { x: wave([images, inputs, height, width]) } };
}

/** The images of a sheet's first row as the encoder takes them. -> [images, 3, size, size] */
async function sheetTiles(path: string, size: number): Promise<Tensor> {
  const sheet = sharp(await readFile(path)).removeAlpha();
  const { width, height } = await sheet.metadata();
  const count = 12;
  const side = width / count;
  expect(height % side).toBe(0);
  const row = sheet.extract({ left: 0, top: 0, width, height: side }).resize(count * size, size, { kernel: "nearest" });
  const pixels = await row.raw().toBuffer();
  const at = (image: number, channel: number, pixel: number) =>
    pixels[3 * ((Math.floor(pixel / size) * count + image) * size + (pixel % size)) + channel]!;
  const data = Float32Array.from({ length: count * 3 * size * size }, (_, i) => {
    const plane = Math.floor(i / size ** 2);
    return at(Math.floor(plane / 3), plane % 3, i % size ** 2) / 127.5 - 1;
  });
  return { data, shape: [count, 3, size, size] };
}

describeOperators("our convolutions", () => {
  test.each<Images>([
    { inputs: 2, outputs: 2, height: 1, width: 1 },
    { inputs: 3, outputs: 7, height: 3, width: 5 },
    { inputs: 32, outputs: 32, height: 16, width: 16, groups: 32 },
    { inputs: 16, outputs: 13, height: 2, width: 67, groups: 1 },
    { inputs: 8, outputs: 24, height: 70, width: 3, groups: 4 },
    { inputs: 6, outputs: 150, height: 9, width: 8, upsamples: true },
    { images: 3, inputs: 12, outputs: 6, height: 13, width: 31, groups: 6 },
    { images: 2, inputs: 10, outputs: 18, height: 12, width: 20, upsamples: true },
  ])("convolve as ONNX Runtime's do: %o", async (sizes) => {
    const { build, given } = convolution(sizes);
    const ours = await computed(build, given, true);
    expect(deviation(ours, await computed(build, given, false))).toBeLessThan(0.005);
    expect(await computed(build, given, true, 2)).toEqual(ours);
  });

  test.each([0, 100, 5000])("convolve what lies around %d as ONNX Runtime's do", async (offset) => {
    const { build, given } = convolution({ inputs: 32, outputs: 32, height: 16, width: 16, groups: 4 });
    const x = given.x.data.map((value) => value / 8 + offset);
    const far = { x: { ...given.x, data: x } };
    const [ours, theirs] = await Promise.all([computed(build, far, true), computed(build, far, false)]);
    // the shortcut, exact on both sides, passes the offset on
    expect(Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!)))).toBeLessThan(0.02);
  });

  test("an image does not depend on the others of its run", async () => {
    const { build, given } = convolution({ images: 3, inputs: 8, outputs: 8, height: 11, width: 19, groups: 4 });
    const all = await computed(build, given, true, 2);
    const size = 8 * 11 * 19;
    for (const image of [0, 1, 2]) {
      const data = given.x.data.slice(image * size, (image + 1) * size);
      const lone = await computed(build, { x: { data, shape: [1, 8, 11, 19] } }, true);
      expect(lone).toEqual(all.slice(image * size, (image + 1) * size));
    }
  });

  test("the demo's decoder makes the same pixels, to within 2 of 255, and nearly always to within 1", async () => {
    const { architecture } = await readManifest("models", "demo");
    const files = await Promise.all(
      graphsOf(architecture).map((graph) => readFile(join("models/demo", MODEL_FILES[graph]))),
    );
    const open = (kernels: boolean) => {
      const options = { ...(kernels && { kernels: true as const }) };
      const variants = buildTokenizerGraphs(architecture, readWeights(files), options);
      return openRuntime("models/demo", { threads: 2, graphs: ["decode", "encode"], variants, ...options });
    };
    const [ours, theirs] = await Promise.all([open(true), open(false)]);
    const { latents } = await theirs.run("encode", {
      image: await sheetTiles("docs/demo.png", architecture.tokenizer.image_width),
    });
    const pixels = await Promise.all(
      [ours, theirs].map(
        async (runtime) => (await runtime.run("decode", { latents: latents! })).pixels!.data as Uint8Array,
      ),
    );
    const differences = [...pixels[0]!].map((value, i) => Math.abs(value - pixels[1]![i]!));
    const beyond = (limit: number) => differences.filter((difference) => difference > limit).length;
    expect(beyond(2)).toBe(0);
    expect(beyond(1)).toBeLessThan(differences.length / 10_000);
    expect(pixels[0]).not.toEqual(pixels[1]);
    await Promise.all([ours.close(), theirs.close()]);
  });
});
