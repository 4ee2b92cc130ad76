import { BinaryReader } from "@bufbuild/protobuf/wire";
import { ELEMENT_TYPES } from "./onnx.js";
import type { WeightIndex, WeightLocation, WeightType } from "./weights.js";

/**
 * Where a model's weights lie, as its graphs state it (the bytes of `.onnx` files): what other graphs over the same weights
 * are built from. Weights inside a loop's body are left out; only int8 models have them.
 */
export function readWeights(graphs: readonly Uint8Array[]): WeightIndex {
  const index = new Map<string, WeightLocation>();
  for (const bytes of graphs) {
    const [model] = read(bytes, { 7: (reader) => reader.bytes() }); // ModelProto.graph
    for (const tensor of read(model!, { 5: (reader) => reader.bytes() })) {
      // GraphProto.initializer
      const weight = readTensor(tensor);
      if (weight) index.set(weight.name, weight.location);
    }
  }
  return index;
}

/** TensorProto; undefined for constants, whose values are in the graph. */
function readTensor(bytes: Uint8Array): { name: string; location: WeightLocation } | undefined {
  const shape: number[] = [];
  const entries = new Map<string, string>(); // external_data
  let name = "";
  let type = 0;
  read(bytes, {
    1: (reader) => shape.push(Number(reader.int64())),
    2: (reader) => {
      type = reader.int32();
    },
    8: (reader) => {
      name = reader.string();
    },
    13: (reader) => {
      const [key, value] = read(reader.bytes(), { 1: (entry) => entry.string(), 2: (entry) => entry.string() });
      entries.set(key!, value!);
    },
  });
  const location = entries.get("location");
  if (location === undefined) return undefined;
  const [typeName] = Object.entries(ELEMENT_TYPES).find(([, code]) => code === type) ?? [];
  const offset = Number(entries.get("offset"));
  const byteLength = Number(entries.get("length"));
  return { name, location: { location, offset, byteLength, shape, type: typeName as WeightType } };
}

/** Reads these fields of a message, by number, and skips the others. Returns what was read, in order. */
function read<T>(bytes: Uint8Array, fields: Readonly<Record<number, (reader: BinaryReader) => T>>): T[] {
  const reader = new BinaryReader(bytes);
  const found: T[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const readField = fields[field];
    if (readField) found.push(readField(reader));
    else reader.skip(wireType, field);
  }
  return found;
}
