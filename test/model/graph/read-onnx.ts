import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** Reads back what the writer wrote, by field number: an independent look at the bytes. */
export interface ReadTensor {
  name: string;
  type: number;
  shape: number[];
  raw?: Uint8Array;
  external?: Record<string, string>;
}
export interface ReadValue {
  name: string;
  type: number;
  shape: (number | string)[];
}
export type ReadAttribute = number | string | number[] | ReadGraph;
export interface ReadNode {
  op: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, ReadAttribute>;
}
export interface ReadGraph {
  name: string;
  nodes: ReadNode[];
  initializers: Map<string, ReadTensor>;
  inputs: ReadValue[];
  outputs: ReadValue[];
}
export interface ReadModel {
  irVersion: number;
  opsets: { domain: string; version: number }[];
  graph: ReadGraph;
}

type Field = number | Uint8Array;

/** All fields of a message in order: varints and floats as numbers, the rest as bytes. */
function fields(bytes: Uint8Array): [number, Field][] {
  const reader = new BinaryReader(bytes);
  const found: [number, Field][] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === WireType.Varint) found.push([field, Number(reader.int64())]);
    else if (wire === WireType.Bit32) found.push([field, reader.float()]);
    else found.push([field, reader.bytes()]);
  }
  return found;
}

const all = (of: [number, Field][], field: number) => of.filter(([f]) => f === field).map(([, value]) => value);
const bytes = (of: [number, Field][], field: number) => all(of, field) as Uint8Array[];
const numbers = (of: [number, Field][], field: number) => all(of, field) as number[];
const texts = (of: [number, Field][], field: number) =>
  bytes(of, field).map((value) => new TextDecoder().decode(value));
const text = (of: [number, Field][], field: number) => texts(of, field)[0] ?? "";

export function readModel(model: Uint8Array): ReadModel {
  const of = fields(model);
  return {
    irVersion: numbers(of, 1)[0] as number,
    opsets: bytes(of, 8).map((opset) => ({
      domain: text(fields(opset), 1),
      version: numbers(fields(opset), 2)[0] as number,
    })),
    graph: readGraph(bytes(of, 7)[0] as Uint8Array),
  };
}

function readGraph(graph: Uint8Array): ReadGraph {
  const of = fields(graph);
  const initializers = bytes(of, 5).map(readTensor);
  return {
    name: text(of, 2),
    nodes: bytes(of, 1).map(readNode),
    initializers: new Map(initializers.map((tensor) => [tensor.name, tensor])),
    inputs: bytes(of, 11).map(readValue),
    outputs: bytes(of, 12).map(readValue),
  };
}

function readNode(node: Uint8Array): ReadNode {
  const of = fields(node);
  return {
    op: text(of, 4),
    domain: text(of, 7),
    inputs: texts(of, 1),
    outputs: texts(of, 2),
    attributes: Object.fromEntries(bytes(of, 5).map((a) => [text(fields(a), 1), readAttribute(fields(a))])),
  };
}

function readAttribute(of: [number, Field][]): ReadAttribute {
  const type = numbers(of, 20)[0];
  if (type === 1) return numbers(of, 2)[0] as number;
  if (type === 2) return numbers(of, 3)[0] as number;
  if (type === 3) return text(of, 4);
  if (type === 5) return readGraph(bytes(of, 6)[0] as Uint8Array);
  if (type === 7) return numbers(of, 8);
  throw new Error(`attribute type ${type}`);
}

function readTensor(tensor: Uint8Array): ReadTensor {
  const of = fields(tensor);
  const [raw] = bytes(of, 9);
  const entries = bytes(of, 13).map((entry) => [text(fields(entry), 1), text(fields(entry), 2)]);
  return {
    name: text(of, 8),
    type: numbers(of, 2)[0] as number,
    shape: numbers(of, 1),
    ...(raw ? { raw } : {}),
    ...(numbers(of, 14)[0] === 1 ? { external: Object.fromEntries(entries) as Record<string, string> } : {}),
  };
}

function readValue(value: Uint8Array): ReadValue {
  const of = fields(value);
  const tensor = fields(bytes(fields(bytes(of, 2)[0] as Uint8Array), 1)[0] as Uint8Array);
  const dims = bytes(fields(bytes(tensor, 2)[0] as Uint8Array), 1).map(fields);
  return {
    name: text(of, 1),
    type: numbers(tensor, 1)[0] as number,
    shape: dims.map((dim) => numbers(dim, 1)[0] ?? text(dim, 2)),
  };
}

/** The numbers of an inline constant. */
export function constant(graph: ReadGraph, name: string): number[] {
  const tensor = graph.initializers.get(name);
  if (!tensor?.raw) throw new Error(`${name} is no inline constant`);
  const buffer = tensor.raw.slice().buffer;
  return tensor.type === 7 ? Array.from(new BigInt64Array(buffer), Number) : Array.from(new Float32Array(buffer));
}

/** Nodes of one operator, in order. */
export function nodesOf(graph: ReadGraph, op: string): ReadNode[] {
  return graph.nodes.filter((node) => node.op === op);
}

/** The node that makes a value. */
export function maker(graph: ReadGraph, value: string | undefined): ReadNode {
  const found = graph.nodes.find((node) => node.outputs.includes(value as string));
  if (!found) throw new Error(`no node makes ${value}`);
  return found;
}
