import type { TensorEntry } from "../checkpoint/checkpoint.js";
import { quote } from "../checkpoint/error.js";
import { isFloat } from "../checkpoint/float32.js";
import { ImportError } from "../error.js";

/** The tensors that a network needs, by name, with their shapes. Its order is that of the weights' file. */
export type TensorTable = ReadonlyMap<string, readonly number[]>;
export type Tensors = ReadonlyMap<string, TensorEntry>;

/** How many differences a message lists; the rest is counted. */
const MAX_LISTED = 8;

/** Collects a table; `linear`, `norm` and `conv` are the layers that these networks are made of. */
export class TableBuilder {
  readonly table = new Map<string, readonly number[]>();

  tensor(name: string, ...shape: number[]): void {
    this.table.set(name, shape);
  }

  linear(name: string, outputs: number, inputs: number): void {
    this.tensor(`${name}.weight`, outputs, inputs);
    this.tensor(`${name}.bias`, outputs);
  }

  norm(name: string, channels: number): void {
    this.tensor(`${name}.weight`, channels);
    this.tensor(`${name}.bias`, channels);
  }

  conv(name: string, outputs: number, inputs: number, kernel: 1 | 3): void {
    this.tensor(`${name}.weight`, outputs, inputs, kernel, kernel);
    this.tensor(`${name}.bias`, outputs);
  }
}

/** Sides of a network's tensors, that sizes are taken from. A tensor that is missing, or has another rank, is named. */
export function sidesOf(network: "generator" | "tokenizer" | "decoder", tensors: Tensors) {
  return (name: string, axis: number, rank: number): number => {
    const entry = tensors.get(name);
    if (!entry) throw new ImportError(`The ${network} lacks the tensor ${name}, which its sizes are read from.`);
    if (entry.problem !== undefined) throw new ImportError(`The ${network} can't be read: ${entry.problem}.`);
    const side = entry.shape[axis];
    if (entry.shape.length !== rank || side === undefined || side < 1) {
      throw new ImportError(
        `The ${network}'s tensor ${name} has the shape ${shown(entry.shape)}; expected ${rank} dimensions of at least 1.`,
      );
    }
    return side;
  };
}

/** How many classes a generator's table of them has; its last row is "no class". */
export function classesOf(tensors: Tensors, table: string): number {
  const rows = sidesOf("generator", tensors)(table, 0, 2);
  if (rows < 2) throw new ImportError(`The generator's ${table} has ${rows} row: a class and "no class" need two.`);
  return rows - 1;
}

/** How many numbered modules `prefix.0.`, `prefix.1.` ... the tensors name. */
export function countModules(tensors: Tensors, prefix: string): number {
  const numbers = new Set<string>();
  for (const name of tensors.keys()) {
    if (!name.startsWith(`${prefix}.`)) continue;
    const number = /^(\d{1,6})\./.exec(name.slice(prefix.length + 1))?.[1];
    if (number !== undefined) numbers.add(number);
  }
  return numbers.size;
}

/** Names every missing and misshapen tensor, with expected and found shapes, and those of `surplus`. */
export function checkTensors(
  network: string,
  expected: TensorTable,
  tensors: Tensors,
  surplus: readonly string[] = [],
): void {
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const [name, shape] of expected) {
    const entry = tensors.get(name);
    if (entry?.problem !== undefined) misshapen.push(entry.problem);
    else if (!entry) missing.push(`${name} is missing (expected ${shown(shape)})`);
    else if (!sameShape(shape, entry.shape)) {
      misshapen.push(`${name} has the shape ${shown(entry.shape)} (expected ${shown(shape)})`);
    } else if (!isFloat(entry.dtype)) misshapen.push(`${name} holds ${entry.dtype} (expected floating-point numbers)`);
  }
  const extra = surplus.map((name) => `${quote(name)} ${shown(tensors.get(name)!.shape)} is not part of the network`);
  // Each kind by itself: many of one must not hide the others.
  const wrong = [missing, misshapen, extra].filter((kind) => kind.length > 0).map(listed);
  if (wrong.length > 0) throw new ImportError(`The ${network}'s tensors do not fit: ${wrong.join("; ")}.`);
}

export function wholeRoot(value: number, otherwise: string): number {
  const root = Math.round(Math.sqrt(value));
  if (root < 1 || root * root !== value) throw new ImportError(otherwise);
  return root;
}

/** Items joined for a sentence, the first few by name and the others counted. */
export function listed(items: readonly string[]): string {
  const more = items.length - MAX_LISTED;
  return items.slice(0, MAX_LISTED).join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** A linear layer's [out, in] are the numbers of a convolution with one pixel, [out, in, 1, 1]. */
function sameShape(expected: readonly number[], found: readonly number[]): boolean {
  const [outputs, inputs, ...kernel] = expected;
  const isLinear = kernel.join() === "1,1" && found.length === 2;
  return (isLinear ? [outputs, inputs] : expected).join() === found.join();
}

function shown(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
