import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildGraphs, buildTokenizerGraphs, familyOf } from "../families/families.js";
import { readWeights } from "../model/graph/read-weights.js";
import { type Architecture, type GraphName, graphsOf, MODEL_FILES } from "../model/manifest.js";
import { loadKernels } from "./runtime/kernels.js";
import { openRuntime } from "./runtime/onnx.js";
import type { Runtime, RuntimeSettings } from "./runtime/runtime.js";

/**
 * Opens a model's graphs: those of its folder or, where the provider or our own operators need others, those that its family and its
 * tokenizer build over the same weights. They are built here rather than at the import, so that a folder serves every provider and every CPU,
 * has one hash, and models that were imported earlier need no new import. Building takes milliseconds.
 */
export async function openModel(
  folder: string,
  model: Architecture,
  settings: RuntimeSettings,
  graphs: readonly GraphName[] = graphsOf(model),
): Promise<Runtime> {
  const { provider = "cpu" } = settings;
  const opening = { ...settings, graphs };
  const buildsOwn = provider === "webgpu" || (provider === "cpu" && loadKernels() !== undefined);
  if (!buildsOwn) return openRuntime(folder, opening);
  const files = await Promise.all(graphsOf(model).map((graph) => readFile(join(folder, MODEL_FILES[graph]))));
  const weights = readWeights(files);
  if (provider === "webgpu") {
    const variants = {
      ...buildTokenizerGraphs(model, weights, { webgpu: true }),
      ...familyOf(model.generator).buildWebgpuGraphs!(model.generator, weights),
    };
    return openRuntime(folder, { ...opening, variants });
  }
  if (![...weights.values()].some(({ type }) => type === "int8")) return openRuntime(folder, opening);
  return openRuntime(folder, { ...opening, variants: buildGraphs(model, weights, { kernels: true }), kernels: true });
}
