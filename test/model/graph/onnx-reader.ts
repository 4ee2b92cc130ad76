import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** A node as it stands in an `.onnx` file, without the attributes that no test asks about. */
export interface WrittenNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly floats: Readonly<Record<string, number>>;
  readonly texts: Readonly<Record<string, string>>;
}

/** Every node of a written model, those of loop bodies included. Field numbers are those of onnx.proto. */
export function writtenNodes(model: Uint8Array): WrittenNode[] {
  const nodes: WrittenNode[] = [];
  for (const [field, graph] of messages(model)) if (field === 7) readGraph(graph, nodes);
  return nodes;
}

function readGraph(graph: Uint8Array, nodes: WrittenNode[]): void {
  for (const [field, bytes] of messages(graph)) if (field === 1) readNode(bytes, nodes);
}

function readNode(bytes: Uint8Array, nodes: WrittenNode[]): void {
  const node = { op: "", inputs: [] as string[], floats: {}, texts: {} };
  for (const [field, value] of messages(bytes)) {
    if (field === 1) node.inputs.push(text(value));
    if (field === 4) node.op = text(value);
    if (field === 5) readAttribute(value, node, nodes);
  }
  nodes.push(node);
}

function readAttribute(
  bytes: Uint8Array,
  node: { floats: Record<string, number>; texts: Record<string, string> },
  nodes: WrittenNode[],
): void {
  let name = "";
  for (const [field, value] of messages(bytes)) {
    if (field === 1) name = text(value);
    if (field === 2) node.floats[name] = new DataView(value.buffer, value.byteOffset).getFloat32(0, true);
    if (field === 4) node.texts[name] = text(value);
    if (field === 6) readGraph(value, nodes);
  }
}

/** Fields with bytes of their own (strings, messages, 32-bit floats); the others are passed over. */
function* messages(bytes: Uint8Array): Generator<[number, Uint8Array]> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === WireType.LengthDelimited) yield [field, reader.bytes()];
    else if (wire === WireType.Bit32) {
      yield [field, bytes.subarray(reader.pos, reader.pos + 4)];
      reader.pos += 4;
    } else reader.skip(wire);
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
