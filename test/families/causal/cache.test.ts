import { describe, expect, it } from "vitest";
import { openRuntime } from "../../../src/engine/runtime/onnx.js";
import { floats, type Runtime } from "../../../src/engine/runtime/runtime.js";
import { KeyValueCache, rowBytes } from "../../../src/families/causal/cache.js";
import { llamagenTable } from "../../../src/families/causal/importing.js";
import { predict } from "../../../src/families/causal/predictor.js";
import type { CausalArchitecture } from "../../../src/model/manifest.js";
import { entriesOf, useTemporaryFolder, writeJson, writeRamps } from "../../importer/models.js";
import { exampleCausal, importCausal } from "./tiny-causal.js";

useTemporaryFolder();

/** A block with heads as wide as a published model's. */
async function importBlock(precision: "fp32" | "int8") {
  const sizes = { width: 256, depth: 1, mlpWidth: 768, codes: 64, classCount: 10 };
  return importCausal({
    precision,
    generator: await writeRamps("block.safetensors", entriesOf(llamagenTable(sizes))),
    arch: await writeJson("block.json", { model: { n_head: 4, block_size: 100 } }),
  });
}

/** A sequence that begins at some step, and the logits at its positions. */
interface Walk {
  readonly label: number;
  readonly start: number;
  readonly logits: Float32Array[];
}

/** Feeds all sequences through one cache, each from its start on, for so many steps. */
async function walk(runtime: Runtime, model: CausalArchitecture, walks: readonly Walk[], steps: number): Promise<void> {
  const cache = new KeyValueCache(model);
  for (let step = 0; step < steps; step++) {
    const going = walks.filter(({ start }) => step >= start && step < start + model.token_count);
    cache.keep(new Set(going));
    if (going.length === 0) continue;
    const inputs = going.map((owner) => {
      const position = step - owner.start;
      return { owner, label: owner.label, token: [(7 * position + owner.label) % model.codes], position };
    });
    const { rows, out } = await predict(runtime, cache, inputs);
    const logits = floats(out, "logits");
    for (const [i, { logits: own }] of going.entries())
      own.push(logits.slice(rows[i]! * model.codes, (rows[i]! + 1) * model.codes));
  }
}

describe.each(["fp32", "int8"] as const)("the cache of a model in %s", (precision) => {
  it("gives a sequence the same bits alone and among others of any length, on one thread and on two", async () => {
    const { folder, manifest } = await importBlock(precision);
    const model = manifest.architecture.generator as CausalArchitecture;
    const single = await openRuntime(folder, { threads: 1, graphs: ["predict"] });
    const double = await openRuntime(folder, { threads: 2, graphs: ["predict"] });
    // The second begins when the first is done, and takes its row.
    const walks = [0, 100, 43, 15, 15, 2].map((start, label): Walk => ({ label, start, logits: [] }));
    await walk(double, model, walks, 200);
    for (const { label, logits } of walks.slice(0, 3)) {
      const alone: Walk = { label, start: 0, logits: [] };
      await walk(single, model, [alone], model.token_count);
      expect(logits.length).toBe(model.token_count);
      expect(
        logits.every((row, i) => Buffer.compare(Buffer.from(row.buffer), Buffer.from(alone.logits[i]!.buffer)) === 0),
      ).toBe(true);
    }
    await single.close();
    await double.close();
  });
});

describe("rows of the cache", () => {
  const owners = Array.from({ length: 6 }, (_, index) => ({ index }));
  const mark = (cache: KeyValueCache, rows: readonly number[], marks: readonly number[]) => {
    const { data, shape } = cache.inputs(6)["values.1"]!;
    const size = data.length / shape[0]!;
    for (const [i, row] of rows.entries()) (data as Float32Array).fill(marks[i]!, row * size, (row + 1) * size);
  };
  const marks = (cache: KeyValueCache, rows: readonly number[]) => {
    const { data, shape } = cache.inputs(6)["values.1"]!;
    return rows.map((row) => (data as Float32Array)[(row * data.length) / shape[0]!]);
  };

  it("stay with their sequences while these come and go", () => {
    const cache = new KeyValueCache(exampleCausal());
    const of = (indices: readonly number[]) => indices.map((i) => owners[i]!);
    mark(cache, cache.arrange(of([0, 1, 2, 3, 4, 5]), 1), [0, 1, 2, 3, 4, 5]);
    // Parts of a batch, one after another, as when a run throws.
    for (const part of [[3, 4, 5], [0, 1, 2], [5], [0], [1, 4]]) {
      const rows = cache.arrange(of(part), 1);
      expect(rows.toSorted()).toEqual(part.map((_, i) => i));
      expect(marks(cache, rows)).toEqual(part);
    }
    cache.keep(new Set(of([1, 2, 5])));
    const rows = cache.arrange(of([1, 2, 5]), 1);
    expect(rows.toSorted()).toEqual([0, 1, 2]);
    expect(marks(cache, rows)).toEqual([1, 2, 5]);
  });

  it("take 48 MiB in LlamaGen-L", () => {
    const large = { width: 1024, depth: 24, heads: 16, mlp_width: 2816 };
    expect(rowBytes({ ...exampleCausal(), token_count: 256, transformer: large }) / 2 ** 20).toBe(48);
  });
});
