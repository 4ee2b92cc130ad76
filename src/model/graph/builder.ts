import {
  type ElementType,
  encodeModel,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from "./onnx.js";
import {
  type GraphOptions,
  type OutputRows,
  partOf,
  type WeightIndex,
  type WeightLocation,
  type WeightType,
} from "./weights.js";

/** The name of a tensor inside a graph. */
export type Value = string;

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  readonly domain?: string;
}

/** What all builders of one model file share: weights, constants and the numbering of names. */
interface ModelState {
  readonly weights: WeightIndex;
  readonly floatType: "float32" | "float16";
  readonly isForWebgpu: boolean;
  readonly usesKernels: boolean;
  readonly initializers: Map<string, OnnxTensor>;
  readonly counts: Map<string, number>;
}

/**
 * Puts one ONNX graph together, node by node. A loop's body is a builder of its own that sees the outer graph's
 * values; weights and constants belong to the outermost graph, each once, but for int8 weights that a body uses.
 */
export class GraphBuilder {
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: OnnxValue[] = [];
  readonly #nodes: OnnxNode[] = [];
  /** A body's int8 weights. ONNX Runtime works around int8 saturation only for weights of the graph that uses them. */
  readonly #ownWeights = new Map<string, OnnxTensor>();

  private constructor(
    private readonly name: string,
    private readonly state: ModelState,
    private readonly isBody = false,
  ) {}

  static model(name: string, weights: WeightIndex, options: GraphOptions = {}): GraphBuilder {
    const { webgpu: isForWebgpu = false, kernels: usesKernels = false } = options;
    const half = [...weights].some(([name, { type }]) => type === "float16" && !name.startsWith("tokenizer."));
    const floatType = half ? "float16" : "float32";
    const shared = { weights, floatType, isForWebgpu, usesKernels } as const;
    return new GraphBuilder(name, { ...shared, initializers: new Map(), counts: new Map() });
  }

  /** What the generator's activations are computed in: float16 where its weights are stored so. */
  get floatType(): "float32" | "float16" {
    return this.state.floatType;
  }

  /** See `GraphOptions`. */
  get isForWebgpu(): boolean {
    return this.state.isForWebgpu;
  }

  /** See `GraphOptions`. */
  get usesKernels(): boolean {
    return this.state.usesKernels;
  }

  /** A builder for a subgraph of this one (the body of a Scan). */
  body(name: string): GraphBuilder {
    return new GraphBuilder(name, this.state, true);
  }

  input(name: string, type: ElementType, shape: readonly (number | string)[]): Value {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  /** Makes `value` an output of the graph under a name of its own. */
  output(name: string, value: Value, type: ElementType, shape: readonly (number | string)[]): void {
    this.#nodes.push({ op: "Identity", domain: "", name, inputs: [value], outputs: [name], attributes: {} });
    this.#outputs.push({ name, type, shape });
  }

  /** Adds a node with one output and returns its name. An empty input name leaves an optional input out. */
  node(op: string, inputs: readonly Value[], options: NodeOptions = {}): Value {
    return this.split(op, inputs, 1, options)[0] as Value;
  }

  /** Adds a node with several outputs. */
  split(op: string, inputs: readonly Value[], outputCount: number, options: NodeOptions = {}): Value[] {
    const name = this.#fresh(op);
    const outputs = Array.from({ length: outputCount }, (_, i) => (i === 0 ? name : `${name}.${i}`));
    this.#nodes.push({ op, domain: options.domain ?? "", name, inputs, outputs, attributes: options.attributes ?? {} });
    return outputs;
  }

  hasWeight(name: string): boolean {
    return this.state.weights.has(name);
  }

  /** The shape as stored, of a weight or of a part that it is stored in. */
  weightShape(name: string, rows?: OutputRows): readonly number[] {
    return this.#storedPart(name, rows).shape;
  }

  /** What a weight, or the parts that it is stored in, consists of. */
  weightType(name: string, rows?: OutputRows): WeightType {
    return this.#storedPart(name, rows).type;
  }

  /** The whole weight as it lies in the file, or `rows` of its first axis (contiguous, so nothing is copied). */
  weight(name: string, rows?: OutputRows): Value {
    if (!rows) return this.#wholeWeight(name);
    const value = partOf(name, rows);
    if (this.state.weights.has(value)) return this.#wholeWeight(value);
    const { location, offset, byteLength, type, shape } = this.#found(name);
    const [height = 0, ...rest] = shape;
    if (rows.start + rows.count > height) throw new Error(`The weight ${name} has ${height} rows, not ${value}.`);
    const rowBytes = byteLength / height;
    const data = { location, offset: offset + rows.start * rowBytes, byteLength: rows.count * rowBytes };
    return this.#initializer({ name: value, type, shape: [rows.count, ...rest], data });
  }

  /** A constant vector of 64-bit integers: shapes, axes, indices. */
  ints(values: readonly number[]): Value {
    const data = new BigInt64Array(values.map(BigInt));
    const shape = [values.length];
    return this.#initializer({ name: `ints(${values.join(",")})`, type: "int64", shape, data: bytesOf(data) });
  }

  /** A constant 64-bit integer. */
  int(value: number): Value {
    const data = bytesOf(BigInt64Array.of(BigInt(value)));
    return this.#initializer({ name: `int(${value})`, type: "int64", shape: [], data });
  }

  /** A constant unsigned byte. */
  byte(value: number): Value {
    return this.#initializer({ name: `byte(${value})`, type: "uint8", shape: [], data: Uint8Array.of(value) });
  }

  /** A constant number, float32. */
  float(value: number): Value {
    const data = bytesOf(Float32Array.of(value));
    return this.#initializer({ name: `float(${value})`, type: "float32", shape: [], data });
  }

  /** A constant vector. */
  floats(label: string, values: Float32Array): Value {
    const shape = [values.length];
    return this.#initializer({ name: `floats(${label})`, type: "float32", shape, data: bytesOf(values) });
  }

  /** The finished graph without the outermost's constants: the body of a Scan. */
  graph(): OnnxGraph {
    return {
      name: this.name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      initializers: [...this.#ownWeights.values()],
    };
  }

  /** The bytes of the `.onnx` file. */
  encode(): Uint8Array {
    return encodeModel({ ...this.graph(), initializers: [...this.state.initializers.values()] });
  }

  #storedPart(name: string, rows?: OutputRows): WeightLocation {
    return (rows && this.state.weights.get(partOf(name, rows))) ?? this.#found(name);
  }

  #wholeWeight(name: string): Value {
    const found = this.#found(name);
    return this.#initializer({ name, type: found.type, shape: found.shape, data: found });
  }

  #found(name: string): WeightLocation {
    const found = this.state.weights.get(name);
    if (!found) throw new Error(`The graph needs the weight ${name}, and the model has none of that name.`);
    return found;
  }

  #initializer(tensor: OnnxTensor): Value {
    const place = this.isBody && tensor.type === "int8" ? this.#ownWeights : this.state.initializers;
    if (!place.has(tensor.name)) place.set(tensor.name, tensor);
    return tensor.name;
  }

  #fresh(op: string): Value {
    const count = this.state.counts.get(op) ?? 0;
    this.state.counts.set(op, count + 1);
    return `${op}_${count}`;
  }
}

function bytesOf(array: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
