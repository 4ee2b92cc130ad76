import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImportOptions } from "../../src/importer/options.js";
import { graphsOf, type Manifest, MODEL_FILES, marArchitecture } from "../../src/model/manifest.js";
import { type SafetensorsTensor, safetensors } from "../../test/importer/checkpoint/writers.js";
import { type ReadTensor, readModel } from "../../test/model/graph/read-onnx.js";

/** The options with which `importModel` imports the same model again, in any precision. */
export type ModelSource = Required<Pick<ImportOptions, "generator" | "tokenizer" | "classes" | "settings">> & {
  readonly arch: string;
};

/** How the graphs name some of a weight's rows (`partOf`). */
const PART = /^(.+)\[(\d+):(\d+)\]$/;
const TOKENIZER = "tokenizer.";
const FLOAT32 = 1;
const FLOAT16 = 10;

/**
 * Writes the weights of a float32 model as two checkpoints into an existing folder, with the names and shapes of its graphs,
 * so that a model can be imported in another precision without its original checkpoint. Throws if a graph uses only some
 * rows of a weight.
 */
export async function checkpointOfModel(model: string, manifest: Manifest, folder: string): Promise<ModelSource> {
  const { architecture, classes, description = "", defaults, presets, default_preset = "" } = manifest;
  const weights = await readWeights(model, manifest);
  const write = async (name: string, isPart: (weight: string) => boolean, prefix: string) => {
    const tensors = [...weights].filter(([weight]) => isPart(weight));
    const named = tensors.map(([weight, tensor]) => [weight.slice(prefix.length), tensor] as const);
    await writeFile(join(folder, name), safetensors(Object.fromEntries(named)));
    return join(folder, name);
  };
  const isTokenizers = (weight: string) => weight.startsWith(TOKENIZER);
  const { generator: a, tokenizer: t } = marArchitecture(architecture);
  const stated = {
    mar: { encoder_num_heads: a.encoder.heads, decoder_num_heads: a.decoder.heads, norm_eps: a.norm_eps },
    ...("scale" in t && { vae: { scale: t.scale } }),
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(stated));
  return {
    generator: await write("generator.safetensors", (weight) => !isTokenizers(weight), ""),
    tokenizer: await write("tokenizer.safetensors", isTokenizers, TOKENIZER),
    arch: join(folder, "config.json"),
    classes: classes.map(({ name, id }) => ({ name, ...(id !== undefined && { id }) })),
    settings: { description, defaults, presets: unmeasured(presets), ...(default_preset && { default_preset }) },
  };
}

/** A preset's measured quality holds only for the model it was measured on. */
function unmeasured(presets: Manifest["presets"]): Manifest["presets"] {
  const entries = Object.entries(presets);
  return Object.fromEntries(entries.map(([name, { description, parameters }]) => [name, { description, parameters }]));
}

/** All weights of a model's graphs by their checkpoint names; rows that the graphs use separately are joined. */
async function readWeights(
  model: string,
  { architecture, weight_files }: Manifest,
): Promise<Map<string, SafetensorsTensor>> {
  const files = new Map<string, Buffer>();
  for (const name of weight_files) files.set(name, await readFile(join(model, name)));
  const rows = new Map<string, Map<number, SafetensorsTensor>>();
  for (const graph of graphsOf(architecture)) {
    const { initializers } = readModel(await readFile(join(model, MODEL_FILES[graph]))).graph;
    for (const tensor of initializers.values()) {
      if (!tensor.external) continue;
      const [, name = tensor.name, start = "0"] = PART.exec(tensor.name) ?? [];
      const parts = rows.get(name) ?? new Map<number, SafetensorsTensor>();
      rows.set(name, parts.set(Number(start), stored(tensor, files)));
    }
  }
  return new Map([...rows].map(([name, parts]) => [name, joinRows(name, parts)]));
}

function stored(tensor: ReadTensor, files: ReadonlyMap<string, Buffer>): SafetensorsTensor {
  const { name, type, shape } = tensor;
  const { location = "", offset, length } = tensor.external!;
  // An encoder may be float16 in its checkpoint.
  const isHalf = type === FLOAT16 && name.startsWith(TOKENIZER);
  if (type !== FLOAT32 && !isHalf)
    throw new Error(`The weight ${name} is not float32: only a float32 model holds its checkpoint's weights.`);
  const bytes = files.get(location)!.subarray(Number(offset), Number(offset) + Number(length));
  return { dtype: isHalf ? "F16" : "F32", shape, bytes };
}

function joinRows(name: string, parts: ReadonlyMap<number, SafetensorsTensor>): SafetensorsTensor {
  const sorted = [...parts].sort(([a], [b]) => a - b);
  let end = 0;
  for (const [start, { shape }] of sorted) {
    if (start !== end) throw new Error(`The graphs use no rows ${end} to ${start} of ${name}.`);
    end += shape[0]!;
  }
  const { dtype, shape } = sorted[0]![1];
  return { dtype, shape: [end, ...shape.slice(1)], bytes: Buffer.concat(sorted.map(([, { bytes }]) => bytes)) };
}
