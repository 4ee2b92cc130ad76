import { CheckpointError, quote } from "../error.js";
import { callGlobal, findGlobal, findStorage, type PickleTable, TENSORS } from "./pickle-globals.js";
import { PickleReader } from "./pickle-reader.js";
import {
  Bytes,
  Dict,
  type Global,
  kindOf,
  List,
  type PickleValue,
  Placeholder,
  Stateful,
  TensorReference,
  Tuple,
} from "./pickle-values.js";

/** The pickle of a 1-billion-parameter training checkpoint, optimizer included, is some two megabytes. */
export const MAX_PICKLE_BYTES = 32 * 1024 * 1024;
/** That one runs some 200,000 opcodes; each may make one small value. */
const MAX_OPCODES = 2_000_000;
const MAX_STACK = 1_000_000;
/** Empty dicts cost most memory for one byte of pickle. */
const MAX_CONTAINERS = 200_000;

/** Values that no tensor needs: their bytes are skipped. */
const BYTES = new Placeholder("bytes");
const SET = new Placeholder("set");
const LONG = new Placeholder("int");

/**
 * Runs the opcodes that Python writes for data (protocols 2 to 5) and returns the object they build. Nothing of the file
 * is executed: a call makes a value of the closed table, or a placeholder. The machine is a loop over a bounded stack:
 * nesting costs no recursion, and every length is checked before it is used. Without a `table`, that of checkpoints.
 */
export function unpickle(bytes: Uint8Array, table: PickleTable = TENSORS): PickleValue {
  return unpickleFirst(bytes, table).value;
}

/** The first of the pickles that stand one after another, and its length. */
export function unpickleFirst(bytes: Uint8Array, table: PickleTable): { value: PickleValue; length: number } {
  const reader = new PickleReader(bytes);
  const value = new PickleMachine(reader, table).run();
  return { value, length: reader.position };
}

class PickleMachine {
  readonly #stack: PickleValue[] = [];
  /** Stack heights at the open marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #containers = 0;

  constructor(
    private readonly reader: PickleReader,
    readonly table: PickleTable,
  ) {}

  run(): PickleValue {
    for (let count = 0; count < MAX_OPCODES; count++) {
      const opcode = this.reader.byte();
      if (opcode === 0x2e /* STOP */) return this.pop();
      const operation = OPERATIONS[opcode];
      if (!operation) throw refusedOpcode(opcode);
      operation(this, this.reader);
      if (this.#stack.length > MAX_STACK)
        throw new CheckpointError("it has a pickle that needs an absurd amount of stack");
    }
    throw new CheckpointError(`it has a pickle of more than ${MAX_OPCODES} instructions`);
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pushContainer(value: Dict | List): void {
    if (++this.#containers > MAX_CONTAINERS) {
      throw new CheckpointError(`it has a pickle with more than ${MAX_CONTAINERS} lists and dicts`);
    }
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#stack.length <= floor) throw new CheckpointError("it has a damaged pickle: it takes from an empty stack");
    return this.#stack.pop()!;
  }

  top(): PickleValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
    if (this.#marks.length > MAX_STACK)
      throw new CheckpointError("it has a pickle that needs an absurd amount of stack");
  }

  popMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw new CheckpointError("it has a damaged pickle: a mark is missing");
    return this.#stack.splice(mark);
  }

  popTuple(length: number): void {
    const from = this.#stack.length - length;
    if (from < (this.#marks.at(-1) ?? 0))
      throw new CheckpointError("it has a damaged pickle: it takes from an empty stack");
    this.push(new Tuple(this.#stack.splice(from)));
  }

  remember(index: number): void {
    this.#memo.set(index, this.top());
  }

  rememberNext(): void {
    this.remember(this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw new CheckpointError("it has a damaged pickle: it recalls what it never stored");
    this.push(value);
  }

  append(values: readonly PickleValue[]): void {
    const list = this.top();
    if (list instanceof Placeholder) return;
    if (!(list instanceof List)) throw new CheckpointError(`it has a damaged pickle: it appends to a ${kindOf(list)}`);
    for (const value of values) list.items.push(value);
  }

  setItems(flat: readonly PickleValue[]): void {
    const dict = this.top();
    if (dict instanceof Placeholder) return;
    if (!(dict instanceof Dict))
      throw new CheckpointError(`it has a damaged pickle: it sets items of a ${kindOf(dict)}`);
    if (flat.length % 2 !== 0) throw new CheckpointError("it has a damaged pickle: a key without a value");
    for (let i = 0; i < flat.length; i += 2) {
      const key = flat[i]!;
      if (typeof key === "string" && dict.entries.has(key)) {
        throw new CheckpointError(`it has a pickle that sets ${quote(key)} twice`);
      }
      dict.entries.set(key, flat[i + 1]!);
    }
  }

  /** Bytes whose number is written in `width` bytes. */
  pushBytes(width: 1 | 4 | 8): void {
    const content = this.reader.content(this.reader.unsigned(width));
    this.push(this.table.keepsBytes ? new Bytes(content) : BYTES);
  }

  call(): void {
    const args = this.pop();
    const callee = this.pop();
    const made = callGlobal(this.table, callee, args);
    if (made instanceof Dict) this.pushContainer(made);
    else this.push(made);
  }

  /** `__setstate__`: attributes (such as `_metadata` of a state dict) are dropped. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof Stateful) target.setState(state);
    else if (!(target instanceof Dict || target instanceof Placeholder || target instanceof TensorReference)) {
      throw new CheckpointError(`it has a damaged pickle: it sets attributes of a ${kindOf(target)}`);
    }
  }
}

type Operation = (machine: PickleMachine, reader: PickleReader) => void;

/** Opcodes by their byte; the names are those of Python's pickletools. */
const OPERATIONS: readonly (Operation | undefined)[] = (() => {
  const table = new Array<Operation | undefined>(256);
  const set = (opcode: number, operation: Operation) => {
    table[opcode] = operation;
  };
  set(0x80, (_, r) => protocol(r.byte())); // PROTO
  set(0x95, (_, r) => r.unsigned(8)); // FRAME: a hint for buffering
  set(0x28, (m) => m.mark()); // MARK
  set(0x30, (m) => m.pop()); // POP
  set(0x31, (m) => m.popMark()); // POP_MARK
  set(0x32, (m) => m.push(m.top())); // DUP
  set(0x4e, (m) => m.push(null)); // NONE
  set(0x88, (m) => m.push(true)); // NEWTRUE
  set(0x89, (m) => m.push(false)); // NEWFALSE
  set(0x4b, (m, r) => m.push(r.unsigned(1))); // BININT1
  set(0x4d, (m, r) => m.push(r.unsigned(2))); // BININT2
  set(0x4a, (m, r) => m.push(r.int32())); // BININT
  set(0x8a, (m, r) => m.push(r.long(r.unsigned(1)))); // LONG1
  set(0x8b, (m, r) => {
    r.content(r.unsigned(4));
    m.push(LONG);
  }); // LONG4
  set(0x47, (m, r) => m.push(r.float64())); // BINFLOAT
  set(0x58, (m, r) => m.push(r.text(r.unsigned(4)))); // BINUNICODE
  set(0x8c, (m, r) => m.push(r.text(r.unsigned(1)))); // SHORT_BINUNICODE
  set(0x8d, (m, r) => m.push(r.text(r.unsigned(8)))); // BINUNICODE8
  set(0x43, (m) => m.pushBytes(1)); // SHORT_BINBYTES
  set(0x42, (m) => m.pushBytes(4)); // BINBYTES
  set(0x8e, (m) => m.pushBytes(8)); // BINBYTES8
  set(0x96, (m) => m.pushBytes(8)); // BYTEARRAY8
  set(0x29, (m) => m.popTuple(0)); // EMPTY_TUPLE
  set(0x85, (m) => m.popTuple(1)); // TUPLE1
  set(0x86, (m) => m.popTuple(2)); // TUPLE2
  set(0x87, (m) => m.popTuple(3)); // TUPLE3
  set(0x74, (m) => m.push(new Tuple(m.popMark()))); // TUPLE
  set(0x5d, (m) => m.pushContainer(new List())); // EMPTY_LIST
  set(0x61, (m) => m.append([m.pop()])); // APPEND
  set(0x65, (m) => m.append(m.popMark())); // APPENDS
  set(0x7d, (m) => m.pushContainer(new Dict())); // EMPTY_DICT
  set(0x73, (m) => m.setItems([m.pop(), m.pop()].reverse())); // SETITEM
  set(0x75, (m) => m.setItems(m.popMark())); // SETITEMS
  set(0x8f, (m) => m.push(SET)); // EMPTY_SET
  set(0x90, (m) => m.append(m.popMark())); // ADDITEMS
  set(0x91, (m) => {
    m.popMark();
    m.push(SET);
  }); // FROZENSET
  set(0x71, (m, r) => m.remember(r.unsigned(1))); // BINPUT
  set(0x72, (m, r) => m.remember(r.unsigned(4))); // LONG_BINPUT
  set(0x94, (m) => m.rememberNext()); // MEMOIZE
  set(0x68, (m, r) => m.recall(r.unsigned(1))); // BINGET
  set(0x6a, (m, r) => m.recall(r.unsigned(4))); // LONG_BINGET
  set(0x63, (m, r) => m.push(findGlobal(m.table, r.line(), r.line()))); // GLOBAL
  set(0x93, (m) => m.push(stackGlobal(m))); // STACK_GLOBAL
  set(0x52, (m) => m.call()); // REDUCE
  set(0x81, (m) => m.call()); // NEWOBJ
  set(0x92, (m) => {
    m.pop(); // keyword arguments
    m.call();
  }); // NEWOBJ_EX
  set(0x62, (m) => m.build()); // BUILD
  set(0x51, (m) => m.push(findStorage(m.pop()))); // BINPERSID
  return table;
})();

function stackGlobal(machine: PickleMachine): Global | Placeholder {
  const name = machine.pop();
  const module = machine.pop();
  if (typeof name !== "string" || typeof module !== "string") {
    throw new CheckpointError("it has a damaged pickle: a global whose name is not a string");
  }
  return findGlobal(machine.table, module, name);
}

function protocol(version: number): void {
  if (version < 2 || version > 5) throw new CheckpointError(`it has a pickle of protocol ${version}; 2 to 5 are read`);
}

function refusedOpcode(opcode: number): CheckpointError {
  const shown = `0x${opcode.toString(16).padStart(2, "0")}`;
  return new CheckpointError(`it has a pickle with the instruction ${shown}, which tensors do not need; it is not run`);
}
