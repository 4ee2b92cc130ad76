import type { Dtype } from "./checkpoint.js";

/** What a pickle may hold here. Nothing else can be built, whatever the file says. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Tuple
  | List
  | Dict
  | Global
  | Namespace
  | StorageReference
  | TensorReference;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

export class List {
  readonly items: PickleValue[] = [];
}

/** A dict or an OrderedDict: both keep the order of insertion. */
export class Dict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** One name of the closed table in pickle-globals.ts. */
export class Global {
  constructor(readonly name: string) {}
}

/** `argparse.Namespace`: the training script's arguments. Nothing reads them. */
export class Namespace {}

/** A storage of the zip, named by the persistent id. */
export class StorageReference {
  constructor(
    readonly dtype: Dtype,
    readonly key: string,
    readonly elements: number,
  ) {}
}

/** A view of a storage, in elements; judged only when the tensor is one that is asked for. */
export class TensorReference {
  constructor(
    readonly storage: StorageReference,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** What a value is, in a word, for error messages. */
export function kindOf(value: PickleValue): string {
  if (value === null) return "None";
  if (typeof value !== "object") return typeof value;
  if (value instanceof Global) return value.name;
  return value.constructor.name.toLowerCase();
}
