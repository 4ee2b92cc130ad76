import { BinaryReader } from "@bufbuild/protobuf/wire";
import { ELEMENT_TYPES } from "./onnx.js";
import type { WeightIndex, WeightLocation, WeightType } from "./weights.js";

/**
 * Where a model's weights lie, as its graphs state it (the bytes of `.onnx` files): what other graphs over the same weights
 * are built from. Weights inside a loop's body are left out; only int8 models have them.
 */
export function readWeights(graphs: readonly Uint8Array[]): WeightIndex {
  const index = new Map<string, WeightLocation>();
  for (const bytes of graphs)
    for (const model of messages(bytes, 7)) // ModelProto.graph
      for (const tensor of messages(model, 5)) {
        // GraphProto.initializer
        const weight = readTensor(tensor);
        if (weight) index.set(weight.name, weight.location);
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
    1: (reader) => {
      shape.push(Number(reader.int64()));
    },
    2: (reader) => {
      type = reader.int32();
    },
    8: (reader) => {
      name = reader.string();
    },
    13: (reader) => {
      const entry = reader.bytes();
      const [[key], [value]] = [messages(entry, 1), messages(entry, 2)];
      entries.set(utf8(key!), utf8(value!));
    },
  });
  const location = entries.get("location");
  if (location === undefined) return undefined;
  const [typeName] = Object.entries(ELEMENT_TYPES).find(([, code]) => code === type) ?? [];
  const offset = Number(entries.get("offset"));
  const byteLength = Number(entries.get("length"));
  return { name, location: { location, offset, byteLength, shape, type: typeName as WeightType } };
}

/** A message's fields of one number, whose values are messages or text. */
function messages(bytes: Uint8Array, field: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  read(bytes, {
    [field]: (reader) => {
      found.push(reader.bytes());
    },
  });
  return found;
}

/** Reads these fields of a message, by number, and skips the others. */
function read(bytes: Uint8Array, fields: Readonly<Record<number, (reader: BinaryReader) => void>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const readField = fields[field];
    if (readField) readField(reader);
    else reader.skip(wireType, field);
  }
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
