import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildGraphs, buildTokenizerGraphs, familyOf } from "../families/families.js";
import { readWeights } from "../model/graph/read-weights.js";
import { type Architecture, graphsOf, MODEL_FILES } from "../model/manifest.js";
import { loadKernels } from "./runtime/kernels.js";
import { openRuntime } from "./runtime/onnx.js";
import type { Runtime, RuntimeSettings } from "./runtime/runtime.js";

/**
 * Opens all graphs of a model: those of its folder or, where the provider needs others, those that its family and its tokenizer build over
 * the same weights. They are built here rather than at the import, so that a folder serves every provider, has one hash,
 * and models that were imported earlier need no new import. Building takes milliseconds.
 */
export async function openModel(folder: string, model: Architecture, settings: RuntimeSettings): Promise<Runtime> {
  const graphs = graphsOf(model);
  const { provider = "cpu" } = settings;
  if (provider === "cuda" || (provider === "cpu" && !loadKernels()))
    return openRuntime(folder, { ...settings, graphs });
  const files = await Promise.all(graphs.map((graph) => readFile(join(folder, MODEL_FILES[graph]))));
  const weights = readWeights(files);
  if (provider === "webgpu") {
    const variants = {
      ...buildTokenizerGraphs(model, weights, { webgpu: true }),
      ...familyOf(model.generator).buildWebgpuGraphs!(model.generator, weights),
    };
    return openRuntime(folder, { ...settings, graphs, variants });
  }
  if (![...weights.values()].some(({ type }) => type === "int8")) return openRuntime(folder, { ...settings, graphs });
  const variants = buildGraphs(model, weights, { kernels: true });
  return openRuntime(folder, { ...settings, graphs, variants, kernels: true });
}
