import type { WeightLocation } from "../../../src/model/graph/weights.js";
import { generatorShapes, tokenizerShapes } from "../random.js";
import type { MarOnKl } from "../shapes.js";

/** A weight index of the right names and shapes over a file that need not exist. */
export function weightsOf(architecture: MarOnKl): Map<string, WeightLocation> {
  const weights = new Map<string, WeightLocation>();
  let offset = 0;
  const add = (name: string, shape: readonly number[]) => {
    const byteLength = 4 * shape.reduce((product, size) => product * size, 1);
    weights.set(name, { location: "weights.bin", offset, byteLength, shape, type: "float32" });
    offset += byteLength;
  };
  for (const [name, shape] of generatorShapes(architecture.generator)) add(name, shape);
  for (const [name, shape] of tokenizerShapes(architecture.tokenizer)) add(`tokenizer.${name}`, shape);
  return weights;
}
