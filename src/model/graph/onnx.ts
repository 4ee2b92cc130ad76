import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * The part of ONNX that our graphs need, as plain values, and its protobuf encoding. Field numbers, enum values and
 * the meaning of external data are those of onnx.proto (github.com/onnx/onnx, onnx/onnx.proto).
 */

/** IR version 10 came with ONNX 1.16 and opset 21, the first whose operators are all that we use; ONNX Runtime >= 1.18 reads it. */
export const IR_VERSION = 10;
export const OPSET_VERSION = 21;

/** ONNX Runtime's own operators (docs/ContribOperators.md of its repository), all of version 1. */
export const CONTRIB_DOMAIN = "com.microsoft";

/** Our own operators (kernels/operators.cc), all of version 1. */
export const KERNELS_DOMAIN = "marimba";

/** TensorProto.DataType. */
export const ELEMENT_TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 } as const;
export type ElementType = keyof typeof ELEMENT_TYPES;

export interface OnnxTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Inline little-endian bytes, or a stretch of a file beside the model's. */
  readonly data: Uint8Array | { readonly location: string; readonly offset: number; readonly byteLength: number };
}

/** A dimension is a number, or a name where it varies from run to run. */
export interface OnnxValue {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly graph: OnnxGraph };

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxGraph {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxTensor[];
  readonly nodes: readonly OnnxNode[];
}

/** ModelProto: the bytes of an `.onnx` file. */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  const writer = new BinaryWriter();
  integer(writer, 1, IR_VERSION);
  text(writer, 2, "marimba");
  message(writer, 7, () => writeGraph(writer, graph));
  message(writer, 8, () => integer(writer, 2, OPSET_VERSION));
  for (const domain of [CONTRIB_DOMAIN, KERNELS_DOMAIN].filter((domain) => usesDomain(graph, domain))) {
    message(writer, 8, () => {
      text(writer, 1, domain);
      integer(writer, 2, 1);
    });
  }
  return writer.finish();
}

/** Whether any node, of a body too, is one of a domain's operators. */
function usesDomain({ nodes }: OnnxGraph, name: string): boolean {
  return nodes.some(
    ({ domain, attributes }) =>
      domain === name || Object.values(attributes).some((value) => "graph" in value && usesDomain(value.graph, name)),
  );
}

/** GraphProto. */
function writeGraph(writer: BinaryWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) message(writer, 1, () => writeNode(writer, node));
  text(writer, 2, graph.name);
  for (const tensor of graph.initializers) message(writer, 5, () => writeTensor(writer, tensor));
  for (const value of graph.inputs) message(writer, 11, () => writeValue(writer, value));
  for (const value of graph.outputs) message(writer, 12, () => writeValue(writer, value));
}

/** NodeProto. */
function writeNode(writer: BinaryWriter, node: OnnxNode): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 3, node.name);
  text(writer, 4, node.op);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    message(writer, 5, () => writeAttribute(writer, name, attribute));
  }
  if (node.domain !== "") text(writer, 7, node.domain);
}

/** AttributeProto; field 20 is AttributeProto.AttributeType. */
function writeAttribute(writer: BinaryWriter, name: string, attribute: OnnxAttribute): void {
  text(writer, 1, name);
  if ("float" in attribute) {
    writer.tag(2, WireType.Bit32).float(attribute.float);
    integer(writer, 20, 1);
  } else if ("int" in attribute) {
    integer(writer, 3, attribute.int);
    integer(writer, 20, 2);
  } else if ("string" in attribute) {
    text(writer, 4, attribute.string);
    integer(writer, 20, 3);
  } else if ("graph" in attribute) {
    message(writer, 6, () => writeGraph(writer, attribute.graph));
    integer(writer, 20, 5);
  } else {
    for (const value of attribute.ints) integer(writer, 8, value);
    integer(writer, 20, 7);
  }
}

/** TensorProto; data_location 1 is EXTERNAL. */
function writeTensor(writer: BinaryWriter, tensor: OnnxTensor): void {
  for (const size of tensor.shape) integer(writer, 1, size);
  integer(writer, 2, ELEMENT_TYPES[tensor.type]);
  text(writer, 8, tensor.name);
  const { data } = tensor;
  if (data instanceof Uint8Array) {
    writer.tag(9, WireType.LengthDelimited).bytes(data);
    return;
  }
  const entries = { location: data.location, offset: `${data.offset}`, length: `${data.byteLength}` };
  for (const [key, value] of Object.entries(entries)) {
    message(writer, 13, () => {
      text(writer, 1, key);
      text(writer, 2, value);
    });
  }
  integer(writer, 14, 1);
}

/** ValueInfoProto > TypeProto > TypeProto.Tensor > TensorShapeProto. */
function writeValue(writer: BinaryWriter, value: OnnxValue): void {
  text(writer, 1, value.name);
  message(writer, 2, () =>
    message(writer, 1, () => {
      integer(writer, 1, ELEMENT_TYPES[value.type]);
      message(writer, 2, () => {
        for (const size of value.shape) {
          message(writer, 1, () => (typeof size === "number" ? integer(writer, 1, size) : text(writer, 2, size)));
        }
      });
    }),
  );
}

function integer(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}
