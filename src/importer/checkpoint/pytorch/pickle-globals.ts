import type { Dtype } from "../checkpoint.js";
import { MAX_DIMENSIONS } from "../dtype.js";
import { CheckpointError } from "../error.js";
import {
  Dict,
  Global,
  kindOf,
  List,
  type PickleValue,
  Placeholder,
  StorageReference,
  TensorReference,
  Tuple,
} from "./pickle-values.js";

/** PyTorch's storage classes by the element type they hold. */
const STORAGES: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ["torch.DoubleStorage", "F64"],
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

export type Constructor = (args: readonly PickleValue[]) => PickleValue;

/** What one kind of pickle may build; everything else in it becomes a placeholder. */
export interface PickleTable {
  /** Every callable by its full name, and what a call makes. */
  readonly callables: ReadonlyMap<string, Constructor>;
  /** Whether bytes are values, or nothing that is needed. */
  readonly keepsBytes: boolean;
}

/** The closed table of checkpoints: every callable that tensors need. */
const CALLABLES: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ["collections.OrderedDict", orderedDict],
  ["collections.defaultdict", () => new Dict()],
  ["torch.Size", ([sizes]) => (sizes instanceof Tuple ? sizes : wrongArguments("torch.Size"))],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_parameter", ([data]) => parameterData(data)],
  ["torch._utils._rebuild_parameter_with_state", ([data]) => parameterData(data)],
  ["torch._tensor._rebuild_from_type_v2", rebuildFromType],
]);

export const TENSORS: PickleTable = { callables: CALLABLES, keepsBytes: false };

/** Longest name of a global: the only thing that a placeholder keeps. */
const MAX_NAME_LENGTH = 512;

/** Looks a global up by name. One that is not in the table becomes a placeholder: nothing is imported or called. */
export function findGlobal({ callables }: PickleTable, module: string, name: string): Global | Placeholder {
  if (module.length + name.length > MAX_NAME_LENGTH) {
    throw new CheckpointError(
      `it has a damaged pickle: a global with a name of more than ${MAX_NAME_LENGTH} characters`,
    );
  }
  const full = `${module}.${name}`;
  return callables.has(full) || STORAGES.has(full) ? new Global(full) : new Placeholder(full);
}

/** What calling a global makes. */
export function callGlobal(table: PickleTable, callee: PickleValue, args: PickleValue): PickleValue {
  if (callee instanceof Placeholder) return callee;
  if (!(args instanceof Tuple)) throw new CheckpointError("it has a damaged pickle: arguments that are not a tuple");
  const make = callee instanceof Global ? table.callables.get(callee.name) : undefined;
  if (!make) throw new CheckpointError(`it has a damaged pickle: it calls a ${kindOf(callee)}`);
  return make(args.items);
}

/**
 * The persistent id of a tensor's bytes: ("storage", class, key, location, number of elements) and, before PyTorch 1.6, None: a view
 * of another storage is not read.
 */
export function findStorage(id: PickleValue): StorageReference | Placeholder {
  const isStorage = id instanceof Tuple && id.items[0] === "storage";
  if (!isStorage || !(id.items.length === 5 || (id.items.length === 6 && id.items[5] === null))) {
    throw new CheckpointError("it has a damaged pickle: a persistent id that names no storage");
  }
  const [, storage, key, , elements] = id.items;
  if (storage instanceof Placeholder) return storage; // complex, quantised, float8 and untyped ones
  const dtype = storage instanceof Global ? STORAGES.get(storage.name) : undefined;
  if (!dtype || typeof key !== "string" || !isSize(elements)) {
    throw new CheckpointError("it has a damaged pickle: a storage needs a class, a key and a number of elements");
  }
  return new StorageReference(dtype, key, elements);
}

export function orderedDict(args: readonly PickleValue[]): Dict {
  const dict = new Dict();
  const [pairs] = args;
  if (pairs === undefined) return dict;
  if (!(pairs instanceof List || pairs instanceof Tuple)) wrongArguments("collections.OrderedDict");
  for (const pair of pairs.items) {
    if (!(pair instanceof List || pair instanceof Tuple) || pair.items.length !== 2) {
      wrongArguments("collections.OrderedDict");
    }
    dict.entries.set(pair.items[0]!, pair.items[1]!);
  }
  return dict;
}

/** storage, offset, size, stride, requires_grad, hooks and, from newer PyTorch, metadata. */
function rebuildTensor(args: readonly PickleValue[]): TensorReference | Placeholder {
  const [storage, offset, size, stride, , , metadata] = args;
  if (storage instanceof Placeholder) return storage;
  const shape = sizes(size);
  const strides = sizes(stride);
  if (!(storage instanceof StorageReference) || !isSize(offset) || !shape || shape.length !== strides?.length) {
    wrongArguments("torch._utils._rebuild_tensor_v2");
  }
  // A lazily negated view: its storage holds the values with the other sign.
  if (metadata instanceof Dict && metadata.entries.get("neg")) return new Placeholder("torch._neg_view");
  return new TensorReference(storage, offset, shape, strides);
}

/** A parameter is its tensor: whether it wants gradients does not matter here. */
function parameterData(data: PickleValue | undefined): TensorReference | Placeholder {
  if (data instanceof TensorReference || data instanceof Placeholder) return data;
  return wrongArguments("torch._utils._rebuild_parameter");
}

/** A tensor with attributes: the function that makes it, its class, that function's arguments, and the attributes. */
function rebuildFromType([make, type, args]: readonly PickleValue[]): PickleValue {
  if (!(type instanceof Placeholder)) wrongArguments("torch._tensor._rebuild_from_type_v2");
  const isPlain = type.name === "torch.Tensor" && make instanceof Global && make.name.startsWith("torch._utils.");
  return isPlain ? callGlobal(TENSORS, make, args ?? null) : type;
}

function sizes(value: PickleValue | undefined): readonly number[] | undefined {
  if (!(value instanceof Tuple) || value.items.length > MAX_DIMENSIONS) return undefined;
  const { items } = value;
  return items.every(isSize) ? items : undefined;
}

export function isSize(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

export function wrongArguments(name: string): never {
  throw new CheckpointError(`it has a damaged pickle: ${name} with arguments of the wrong kind`);
}
