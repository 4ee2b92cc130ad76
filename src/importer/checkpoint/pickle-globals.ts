import type { Dtype } from "./checkpoint.js";
import { MAX_DIMENSIONS } from "./dtype.js";
import { CheckpointError, quote } from "./error.js";
import {
  Dict,
  Global,
  kindOf,
  List,
  Namespace,
  type PickleValue,
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

type Constructor = (args: readonly PickleValue[]) => PickleValue;

/** The closed table: everything that a checkpoint's pickle may call, and what the call makes. */
const CALLABLES: ReadonlyMap<string, Constructor> = new Map<string, Constructor>([
  ["collections.OrderedDict", orderedDict],
  ["argparse.Namespace", () => new Namespace()],
  ["torch.Size", ([sizes]) => (sizes instanceof Tuple ? sizes : wrongArguments("torch.Size"))],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_parameter", ([data]) => parameterData(data)],
  ["torch._utils._rebuild_parameter_with_state", ([data]) => parameterData(data)],
]);

/** Looks a global up by name; one that is not in the table is refused by that name, before anything is done with it. */
export function findGlobal(module: string, name: string): Global {
  const full = `${module}.${name}`;
  if (CALLABLES.has(full) || STORAGES.has(full)) return new Global(full);
  throw new CheckpointError(
    `it refers to ${quote(full)}, which is not needed to hold tensors and is never called; save only the state dict`,
  );
}

/** What calling a global makes. */
export function callGlobal(callee: PickleValue, args: PickleValue): PickleValue {
  if (!(args instanceof Tuple)) throw new CheckpointError("it has a damaged pickle: arguments that are no tuple");
  const make = callee instanceof Global ? CALLABLES.get(callee.name) : undefined;
  if (!make) throw new CheckpointError(`it has a damaged pickle: it calls a ${kindOf(callee)}`);
  return make(args.items);
}

/** The persistent id of a tensor's bytes: ("storage", class, key, location, number of elements). */
export function findStorage(id: PickleValue): StorageReference {
  if (!(id instanceof Tuple) || id.items.length !== 5 || id.items[0] !== "storage") {
    throw new CheckpointError("it has a damaged pickle: a persistent id that names no storage");
  }
  const [, storage, key, , elements] = id.items;
  const dtype = storage instanceof Global ? STORAGES.get(storage.name) : undefined;
  if (!dtype || typeof key !== "string" || !isSize(elements)) {
    throw new CheckpointError("it has a damaged pickle: a storage needs a class, a key and a number of elements");
  }
  return new StorageReference(dtype, key, elements);
}

function orderedDict(args: readonly PickleValue[]): Dict {
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

/** storage, offset, size, stride, requires_grad, hooks (and newer PyTorch: metadata). */
function rebuildTensor(args: readonly PickleValue[]): TensorReference {
  const [storage, offset, size, stride] = args;
  const shape = sizes(size);
  const strides = sizes(stride);
  if (!(storage instanceof StorageReference) || !isSize(offset) || !shape || shape.length !== strides?.length) {
    wrongArguments("torch._utils._rebuild_tensor_v2");
  }
  return new TensorReference(storage, offset, shape, strides);
}

/** A parameter is its tensor: whether it wants gradients does not matter here. */
function parameterData(data: PickleValue | undefined): TensorReference {
  return data instanceof TensorReference ? data : wrongArguments("torch._utils._rebuild_parameter");
}

function sizes(value: PickleValue | undefined): readonly number[] | undefined {
  if (!(value instanceof Tuple) || value.items.length > MAX_DIMENSIONS) return undefined;
  const { items } = value;
  return items.every(isSize) ? items : undefined;
}

function isSize(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function wrongArguments(name: string): never {
  throw new CheckpointError(`it has a damaged pickle: ${name} with arguments of the wrong kind`);
}
