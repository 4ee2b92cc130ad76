import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { ELEMENT_TYPES } from "./onnx.js";
import type { WeightIndex, WeightLocation, WeightType } from "./weights.js";

/**
 * Where a model's weights lie, as its graphs state it (the bytes of `.onnx` files): what other graphs over the same weights
 * are built from.
 */
export function readWeights(graphs: readonly Uint8Array[]): WeightIndex {
  const index = new Map<string, WeightLocation>();
  for (const bytes of graphs)
    for (const graph of new Message(bytes).messages(7)) // ModelProto.graph
      for (const tensor of initializers(graph)) {
        // Constants have no external data.
        const external = new Map(tensor.messages(13).map((entry) => [entry.text(1), entry.text(2)]));
        const location = external.get("location");
        if (location === undefined) continue;
        const [offset, byteLength] = [Number(external.get("offset")), Number(external.get("length"))];
        index.set(tensor.text(8), { location, offset, byteLength, shape: tensor.integers(1), type: typeOf(tensor) });
      }
  return index;
}

/** A graph's, then those of its loops' bodies: GraphProto.initializer, and GraphProto.node > NodeProto.attribute > AttributeProto.g. */
function* initializers(graph: Message): Generator<Message> {
  yield* graph.messages(5);
  for (const node of graph.messages(1))
    for (const attribute of node.messages(5)) for (const body of attribute.messages(6)) yield* initializers(body);
}

function typeOf(tensor: Message): WeightType {
  const [code] = tensor.integers(2);
  const [type] = Object.entries(ELEMENT_TYPES).find(([, value]) => value === code) ?? [];
  return type as WeightType;
}

/** A protobuf message, whose fields have numbers. */
class Message {
  readonly #integers = new Map<number, number[]>();
  readonly #bytes = new Map<number, Uint8Array[]>();

  constructor(bytes: Uint8Array) {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (wireType === WireType.Varint) append(this.#integers, field, Number(reader.int64()));
      else if (wireType === WireType.LengthDelimited) append(this.#bytes, field, reader.bytes());
      else reader.skip(wireType, field);
    }
  }

  integers(field: number): number[] {
    return this.#integers.get(field) ?? [];
  }

  messages(field: number): Message[] {
    return (this.#bytes.get(field) ?? []).map((bytes) => new Message(bytes));
  }

  text(field: number): string {
    return Buffer.from(this.#bytes.get(field)?.[0] ?? []).toString("utf8");
  }
}

function append<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
