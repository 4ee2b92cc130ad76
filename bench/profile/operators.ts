import { median } from "../statistics.js";

/** An entry of ONNX Runtime's profile; operators have `args`. */
export interface NodeEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number; // microseconds
  readonly args: {
    readonly op_name: string;
    readonly input_type_shape: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

type ProductType = "float32" | "bfloat16" | "int8";

/** Runs of one kind of operator. */
export interface OperatorTime {
  readonly name: string;
  /** The type of its products; undefined if it has none. */
  readonly type?: ProductType;
  count: number;
  ms: number;
  operations: number;
  bytes: number;
}

const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  float: 4,
  float16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  int8: 1,
  bool: 1,
};
/** Operators whose time is that of the operators inside them. */
const CONTAINERS = new Set(["Scan", "Loop", "If"]);
const PRODUCTS = /^(Gemm|FusedGemm|MatMul|FusedMatMul|MatMulInteger|MatMulIntegerToFloat|QuantizedProduct)$/;
/** Of these, those of bytes. */
const INTEGER = /^(MatMulInteger|QuantizedProduct)/;

const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

function tensor(entry: Readonly<Record<string, readonly number[]>> | undefined): {
  type: string;
  shape: readonly number[];
} {
  const [type = "float", shape = []] = Object.entries(entry ?? {})[0] ?? [];
  return { type, shape };
}

const bytesOf = (entry: Readonly<Record<string, readonly number[]>>) => {
  const { type, shape } = tensor(entry);
  return (ELEMENT_BYTES[type] ?? 4) * elements(shape);
};

/** An operator's work: its name with the sizes that matter, and its number of multiplications and additions. */
function workOf({ args }: NodeEvent): { name: string; operations: number; type?: ProductType } {
  const input = tensor(args.input_type_shape[0]);
  const second = tensor(args.input_type_shape[1]);
  const output = tensor(args.output_type_shape[0]);
  if (PRODUCTS.test(args.op_name)) {
    const K = input.shape.at(-1) ?? 1;
    const N = output.shape.at(-1) ?? 1;
    const M = elements(output.shape) / N;
    const type = INTEGER.test(args.op_name) ? "int8" : "float32";
    return { name: `${args.op_name} ${M} x ${K} x ${N}`, operations: 2 * M * K * N, type };
  }
  if (args.op_name.endsWith("Attention")) {
    const [rows = 1, queries = 1, width = 1] = input.shape;
    const keys = second.shape[1] ?? 1;
    return {
      name: `${args.op_name} ${rows} x ${queries} x ${keys} x ${width}`,
      operations: 4 * rows * queries * keys * width,
      type: args.op_name === "Attention" ? "bfloat16" : "float32", // ours is in bfloat16
    };
  }
  if (/Conv$/.test(args.op_name)) {
    const [outputs = 1] = second.shape;
    const operations = (2 * elements(output.shape) * elements(second.shape)) / outputs;
    const type = args.op_name === "NormedConv" ? "bfloat16" : "float32"; // the first is ours
    return { name: `${args.op_name} ${second.shape.join(" x ")}`, operations, type };
  }
  return { name: args.op_name, operations: 0 };
}

/**
 * The operators of one run, the longest first; each one's time is the median over the runs of a profile. The first run does not
 * count, because it is slower than all others.
 */
export function operatorTimes(events: readonly NodeEvent[]): OperatorTime[] {
  const runs = runsOf(events).slice(1).map(sumByName);
  return [...runs[0]!.values()]
    .map((operator) => ({ ...operator, ms: median(runs.map((run) => run.get(operator.name)!.ms)) }))
    .sort((a, b) => b.ms - a.ms);
}

/** ONNX Runtime writes a run after its operators. */
function runsOf(events: readonly NodeEvent[]): NodeEvent[][] {
  const runs: NodeEvent[][] = [[]];
  for (const event of events)
    if (event.name === "model_run") runs.push([]);
    else if (event.cat === "Node" && event.name.endsWith("_kernel_time") && !CONTAINERS.has(event.args.op_name))
      runs.at(-1)!.push(event);
  return runs.slice(0, -1);
}

function sumByName(run: readonly NodeEvent[]): Map<string, OperatorTime> {
  const byName = new Map<string, OperatorTime>();
  for (const event of run) {
    const work = workOf(event);
    const tensors = [...event.args.input_type_shape, ...event.args.output_type_shape];
    let sum = byName.get(work.name);
    if (!sum) {
      sum = { name: work.name, ...(work.type ? { type: work.type } : {}), count: 0, ms: 0, operations: 0, bytes: 0 };
      byName.set(work.name, sum);
    }
    sum.count++;
    sum.ms += event.dur / 1000;
    sum.operations += work.operations;
    sum.bytes += tensors.reduce((bytes, one) => bytes + bytesOf(one), 0);
  }
  return byName;
}
