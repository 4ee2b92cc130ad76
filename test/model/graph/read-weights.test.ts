import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildGraphs } from "../../../src/families/families.js";
import { PACKAGE_ROOT } from "../../../src/files/package.js";
import { readWeights } from "../../../src/model/graph/read-weights.js";
import { graphsOf, type Manifest, MODEL_FILES } from "../../../src/model/manifest.js";

test("the same graphs can be built again over the weights that a model's graphs name", () => {
  const folder = join(PACKAGE_ROOT, "models/demo");
  const { architecture } = JSON.parse(readFileSync(join(folder, MODEL_FILES.manifest), "utf8")) as Manifest;
  const files = graphsOf(architecture).map((graph) => readFileSync(join(folder, MODEL_FILES[graph])));
  const built = buildGraphs(architecture, readWeights(files));
  for (const [i, graph] of graphsOf(architecture).entries())
    expect(Buffer.from(built[graph]!).equals(files[i]!), graph).toBe(true);
});
