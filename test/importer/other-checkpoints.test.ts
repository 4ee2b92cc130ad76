import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { importModel } from "../../src/importer/import.js";
import type { ImportedModel, ImportOptions } from "../../src/importer/options.js";
import { cosineAlphaBars } from "../../src/model/sampler/diffusion-schedule.js";
import type { SafetensorsTensor } from "./checkpoint/writers.js";
import { p, pickledTensor, safetensors, torchZip, zip } from "./checkpoint/writers.js";
import { sha256 } from "./hash-of-folder.js";
import { loadTensors, small, temporaryPath, useSmallCheckpoints, writeTensors } from "./models.js";

useSmallCheckpoints();

let count = 0;
async function importFrom(generator: string, options: Partial<ImportOptions> = {}): Promise<ImportedModel> {
  const name = `model-${count++}`;
  return importModel({ ...small, name, generator, modelsDir: temporaryPath("models"), ...options });
}

/** All weights of a model, by the tensor's name in the graphs' order: the int8 import writes them in one file. */
async function weightsOf({ folder }: ImportedModel): Promise<string> {
  return sha256(await readFile(join(folder, "weights.bin")));
}

type Tensors = Record<string, SafetensorsTensor>;

/** A PyTorch file of float32 tensors; those of `transposed` are stored with their last two axes swapped. */
function pth(dicts: Record<string, Tensors>, transposed: (name: string) => boolean = () => false): Buffer {
  const storages: Record<string, Uint8Array> = {};
  const entries = Object.entries(dicts).map(([key, tensors]) => {
    const values = Object.entries(tensors).map(([name, { shape, bytes }]) => {
      const storage = `${Object.keys(storages).length}`;
      const [rows = 1, columns = 1] = shape;
      const isSwapped = shape.length === 2 && transposed(name);
      storages[storage] = isSwapped ? swap(bytes, rows, columns) : bytes;
      const strides = isSwapped ? { strides: [1, rows] } : {};
      const elements = bytes.byteLength / 4;
      return [name, pickledTensor({ storage: "FloatStorage", key: storage, elements, shape, ...strides })] as const;
    });
    return [key, p.dict(values)] as const;
  });
  return zip(torchZip(p.whole(p.dict(entries)), storages));
}

function swap(bytes: Uint8Array, rows: number, columns: number): Uint8Array {
  const values = new Float32Array(bytes.slice().buffer);
  const swapped = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
  return new Uint8Array(swapped.buffer);
}

async function write(name: string, bytes: Uint8Array): Promise<string> {
  await writeFile(temporaryPath(name), bytes);
  return temporaryPath(name);
}

describe("the same weights, however a file keeps them, make the same model", () => {
  test("under a key, beside trained ones, with wrappers' prefixes, transposed", async () => {
    const tensors = await loadTensors(small.generator);
    const others = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [
        name,
        { ...tensor, bytes: Buffer.alloc(tensor.bytes.byteLength) },
      ]),
    );
    const wrapped = Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [`module._orig_mod.${name}`, tensor]),
    );
    const expected = await weightsOf(await importFrom(small.generator, { precision: "int8" }));
    for (const [name, bytes, key] of [
      ["ema.pth", pth({ model: others, ema: tensors }), "ema"],
      ["state_dict_ema.pth", pth({ state_dict: others, state_dict_ema: wrapped }), "state_dict_ema"],
      ["transposed.pth", pth({ model_state_dict: tensors }, () => true), "model_state_dict"],
      [
        "wrapped.safetensors",
        safetensors({ n_averaged: { dtype: "I64", shape: [], bytes: Buffer.alloc(8) }, ...wrapped }),
        "",
      ],
    ] as const) {
      const model = await importFrom(await write(name, bytes), { precision: "int8" });
      expect([name, await weightsOf(model), model.weights.generator.key]).toEqual([name, expected, key]);
    }
  });

  test("a .safetensors that is copied as it is keeps its tensors' names", async () => {
    const tensors = Object.entries(await loadTensors(small.generator));
    const path = await writeTensors(
      "prefixed.safetensors",
      Object.fromEntries(tensors.map(([n, t]) => [`model.${n}`, t])),
    );
    const { folder, manifest } = await importFrom(path);
    expect(manifest.weight_files).toEqual(["generator.safetensors", "tokenizer.safetensors"]);
    expect(await readFile(join(folder, "generator.safetensors"))).toEqual(await readFile(path));
  });
});

describe("a sharded checkpoint", () => {
  /** Writes every other tensor into the second of two shards. */
  async function writeShards(folder: string, change: (map: Record<string, string>) => object = (map) => map) {
    const shards: [Tensors, Tensors] = [{}, {}];
    const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
    const map: Record<string, string> = {};
    Object.entries(await loadTensors(small.generator)).forEach(([name, tensor], i) => {
      shards[i % 2 === 0 ? 0 : 1][name] = tensor;
      map[name] = names[i % 2]!;
    });
    for (const i of [0, 1] as const) await write(`${folder}-${names[i]}`, safetensors(shards[i]));
    const weight_map = change(
      Object.fromEntries(Object.entries(map).map(([name, file]) => [name, `${folder}-${file}`])),
    );
    return write(
      `${folder}.index.json`,
      Buffer.from(JSON.stringify({ metadata: { total_size: 1 }, weight_map }, null, 2)),
    );
  }

  test("is read by its index, as one file would be", async () => {
    const index = await writeShards("good");
    for (const precision of ["int8", "fp16"] as const) {
      const options = { precision, hashSources: true };
      const model = await importFrom(index, options);
      expect(await weightsOf(model)).toBe(await weightsOf(await importFrom(small.generator, options)));
      const shards = await Promise.all(
        [1, 2].map((i) => readFile(join(dirname(index), `good-model-0000${i}-of-00002.safetensors`))),
      );
      expect(model.manifest.source.generator).toEqual({
        file: "good.index.json",
        bytes: shards[0]!.byteLength + shards[1]!.byteLength,
        sha256: sha256(Buffer.concat(shards)),
      });
    }
  });

  test("is written into weights.bin in float32 too", async () => {
    const { manifest } = await importFrom(await writeShards("float"));
    expect(manifest.weight_files).toEqual(["tokenizer.safetensors", "weights.bin"]);
  });

  test.each([
    [
      "missing",
      (map: object) => ({ ...map, mask_token: "nowhere.safetensors" }),
      "nowhere.safetensors cannot be read: it does not exist",
    ],
    [
      "outside",
      (map: object) => ({ ...map, mask_token: "../x.safetensors" }),
      'names no file beside it for tensor "mask_token"',
    ],
    [
      "another",
      (map: object) => ({ ...map, more: "another-model-00001-of-00002.safetensors" }),
      'its tensor "more" is not in another-model',
    ],
    ["itself", (map: object) => ({ ...map, mask_token: "itself.index.json" }), "it is an index itself"],
    ["number", (map: object) => ({ ...map, mask_token: 1 }), 'names no file beside it for tensor "mask_token"'],
    ["empty", () => ({}), 'it is JSON without a "weight_map"'],
    [
      "many",
      () => Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`${i}`, `${i}.safetensors`])),
      "600 shards; at most 512",
    ],
  ])("an index that is wrong: %s", async (folder, change, message) => {
    await expect(importFrom(await writeShards(folder, change))).rejects.toThrow(message);
  });

  test("JSON of another kind", async () => {
    for (const text of ['{"a": 1}', "{", "{}{}{}{}{}", '{"weight_map": [1]}']) {
      await expect(importFrom(await write("other.json", Buffer.from(text)))).rejects.toThrow(
        /other\.json cannot be read: it/,
      );
    }
  });
});

describe("the noise schedule's tables, which the sampler computes itself", () => {
  async function withTables(tables: Record<string, ArrayLike<number>>): Promise<string> {
    const tensors = { ...(await loadTensors(small.generator)) };
    for (const [name, values] of Object.entries(tables)) {
      const bytes = Buffer.from(Float32Array.from(values).buffer);
      tensors[`diffloss.${name}`] = { dtype: "F32", shape: [values.length], bytes };
    }
    return writeTensors(`tables-${count++}.safetensors`, tensors);
  }

  test("are a warning", async () => {
    const tables = { "train_diffusion.alphas_cumprod": cosineAlphaBars(), "gen_diffusion.betas": [0.1, 0.2] };
    expect((await importFrom(await withTables(tables))).warnings).toEqual([
      'The generator has tensors that are not used: "diffloss.train_diffusion.alphas_cumprod"; "diffloss.gen_diffusion.betas".',
    ]);
  });

  test("of another schedule are an error: the images would be wrong", async () => {
    const linear = cosineAlphaBars().map((_, t) => 1 - t / 1000);
    const path = await withTables({ "train_diffusion.alphas_cumprod": linear });
    await expect(importFrom(path)).rejects.toThrow(
      `${path} was trained with a noise schedule other than cosine, the only supported one: diffloss.train_diffusion.alphas_cumprod differs.`,
    );
  });
});
