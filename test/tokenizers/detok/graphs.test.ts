import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodesOf, readModel } from "../../model/graph/read-onnx.js";
import { importDetok } from "./tiny-detok.js";

/** What recordings alone do not show: an epsilon of 1e-5 for 1e-6 changes less than is allowed. */
test("every RMSNorm has an epsilon of 1e-6", async () => {
  const { folder } = await importDetok();
  for (const [name, depth] of [
    ["decode.onnx", 4],
    ["encode.onnx", 3],
  ] as const) {
    const { graph } = readModel(await readFile(join(folder, name)));
    const norms = nodesOf(graph, "SimplifiedLayerNormalization");
    expect(norms.length).toBe(2 * depth + 2);
    for (const { attributes } of norms) expect(attributes.epsilon).toBe(Math.fround(1e-6));
  }
});
