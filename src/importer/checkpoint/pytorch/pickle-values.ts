import type { Dtype } from "../checkpoint.js";

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
  | Placeholder
  | StorageReference
  | TensorReference
  | Bytes
  | Stateful;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

export class List {
  readonly items: PickleValue[] = [];
}

/** A dict, an OrderedDict or a defaultdict: all keep the order of insertion. */
export class Dict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** One name of the closed table in pickle-globals.ts. */
export class Global {
  constructor(readonly name: string) {}
}

/**
 * Stands for anything that tensors do not need: a class or function outside the table, and whatever the file builds with
 * it. It keeps that name alone; calling it, or setting its items or attributes, gives the placeholder itself.
 */
export class Placeholder {
  constructor(readonly name: string) {}
}

/** A storage of the zip, named by the persistent id. */
export class StorageReference {
  constructor(
    readonly dtype: Dtype,
    readonly key: string,
    readonly elements: number,
  ) {}
}

/** A view of a storage, in elements; checked against the file in pytorch.ts. */
export class TensorReference {
  constructor(
    readonly storage: StorageReference,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Bytes, where the pickle's kind has a use for them. */
export class Bytes {
  constructor(readonly content: Uint8Array) {}
}

/** What the pickle gives its contents after it was made, by BUILD. */
export abstract class Stateful {
  /** Throws `CheckpointError` for anything but the contents of such a value. */
  abstract setState(state: PickleValue): void;
}

/** What a value is, in a word, for error messages. */
export function kindOf(value: PickleValue): string {
  if (value === null) return "None";
  if (typeof value !== "object") return typeof value;
  if (value instanceof Global || value instanceof Placeholder) return value.name;
  return value.constructor.name.toLowerCase();
}
