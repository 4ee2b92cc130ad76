import { basename } from "node:path";
import type { Checkpoint, TensorEntry } from "../../importer/checkpoint/checkpoint.js";

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** One file of recorded tensors. It remembers which were read, so that none can be left out of the comparison. */
export class Recording {
  readonly name: string;
  readonly #read = new Set<string>();

  constructor(private readonly file: Checkpoint) {
    this.name = basename(file.path);
  }

  has(name: string): boolean {
    return this.file.tensors.has(name);
  }

  async tensor(name: string): Promise<Tensor> {
    const entry = this.#entry(name);
    this.#read.add(name);
    if (entry.dtype === "U8") return { shape: entry.shape, data: await this.file.readBytes(entry) };
    if (entry.dtype !== "I32") return { shape: entry.shape, data: await this.file.readFloat32(entry) };
    const bytes = await this.file.readBytes(entry);
    return { shape: entry.shape, data: new Int32Array(bytes.slice().buffer) };
  }

  /** A tensor that must be float32: numbers to compare with or to feed to a graph. */
  async floats(name: string): Promise<{ shape: readonly number[]; data: Float32Array }> {
    const { shape, data } = await this.tensor(name);
    if (!(data instanceof Float32Array)) throw new Error(`${this.name}: ${name} must hold floating-point numbers.`);
    return { shape, data };
  }

  /** A float tensor of one number. */
  async number(name: string): Promise<number> {
    const { data } = await this.tensor(name);
    if (data.length !== 1) throw new Error(`${this.name}: ${name} must hold one number, not ${data.length}.`);
    return data[0] as number;
  }

  /** The i of every tensor called `prefix`i, ascending. */
  indices(prefix: string): number[] {
    const found = [];
    for (const name of this.file.tensors.keys()) {
      const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
      if (/^\d+$/.test(rest)) found.push(Number(rest));
    }
    return found.sort((a, b) => a - b);
  }

  hasMetadata(key: string): boolean {
    return this.file.metadata[key] !== undefined;
  }

  /** A metadata value, which is JSON. */
  metadata(key: string): unknown {
    const text = this.file.metadata[key];
    if (text === undefined) throw new Error(`${this.name}: the metadata has no ${key}.`);
    return JSON.parse(text);
  }

  /** The tensors that were not read. */
  unread(): string[] {
    return [...this.file.tensors.keys()].filter((name) => !this.#read.has(name));
  }

  #entry(name: string): TensorEntry {
    const entry = this.file.tensors.get(name);
    if (!entry) throw new Error(`${this.name}: the recording has no ${name}.`);
    return entry;
  }
}

/** Part i of a tensor's first axis. */
export function part(tensor: { shape: readonly number[]; data: Float32Array }, i: number, from = 0, count?: number) {
  const [, rows = 0, ...rest] = tensor.shape;
  const rowSize = rest.reduce((product, size) => product * size, 1);
  const start = i * rows * rowSize + from * rowSize;
  const taken = count ?? rows - from;
  return { shape: [taken, ...rest], data: tensor.data.slice(start, start + taken * rowSize) };
}
