import { floats, type Tensors } from "../../engine/runtime/runtime.js";
import type { AnyCausalArchitecture, CausalArchitecture, OrderedArchitecture } from "../../model/manifest.js";
import type { Stack } from "../../model/shapes.js";

/** Of each block, in the names of the graph's inputs and outputs. */
const PARTS = ["key", "value"] as const;

/** What the cache must know of a model. */
export type CachedModel =
  | Pick<CausalArchitecture, "token_count" | "transformer">
  | Pick<OrderedArchitecture, "token_count" | "decoder">;

export function stackOf(a: CachedModel): Stack {
  return "decoder" in a ? a.decoder : a.transformer;
}

/** Of one row in one block: heads, positions, and numbers of a head. */
export function cacheShape(a: CachedModel): readonly [number, number, number] {
  const { width, heads } = stackOf(a);
  return [heads, a.token_count, width / heads];
}

/** Memory that the keys and values of one row take, in bytes. An image with guidance has two rows. */
export function rowBytes(a: CachedModel): number {
  return 2 * stackOf(a).depth * Float32Array.BYTES_PER_ELEMENT * rowSize(a);
}

/** What a row belongs to: any object. */
type Owner = object;

/**
 * The keys and values of all sequences in flight. A run takes the first rows, so that none is copied: `arrange` moves the rows of a
 * run there, where that is not so. What a row holds beyond its sequence's length is never read.
 */
export class KeyValueCache {
  /** Keys and values of each block, in turn: [rows, heads, L, size]. */
  readonly #parts: Float32Array[];
  /** By row. */
  readonly #owners: (Owner | undefined)[] = [];
  readonly #rowSize: number;

  constructor(readonly model: AnyCausalArchitecture) {
    this.#parts = Array.from({ length: 2 * stackOf(model).depth }, () => new Float32Array(0));
    this.#rowSize = rowSize(model);
  }

  /** Frees the rows of all other sequences. */
  keep(owners: ReadonlySet<Owner>): void {
    for (const [row, owner] of this.#owners.entries()) if (owner && !owners.has(owner)) this.#owners[row] = undefined;
  }

  /** Gives the sequences the first rows, in any order, and returns each one's row. */
  arrange(owners: readonly Owner[]): number[] {
    const count = owners.length;
    this.#grow(count);
    const wanted = new Set(owners);
    const free: number[] = [];
    for (let row = count - 1; row >= 0; row--) {
      const owner = this.#owners[row];
      if (!owner || !wanted.has(owner)) free.push(row);
    }
    return owners.map((owner) => {
      const row = this.#owners.indexOf(owner);
      if (row >= 0 && row < count) return row;
      const target = free.pop()!;
      if (row < 0) this.#take(target, owner);
      else this.#swap(row, target);
      return target;
    });
  }

  /** The first rows, by the names of the graph's inputs. Their memory is the cache's. */
  inputs(rows: number): Tensors {
    const shape = [rows, ...cacheShape(this.model)];
    return Object.fromEntries(
      this.#parts.map((part, i) => [
        `${PARTS[i % 2]}s.${Math.floor(i / 2)}`,
        { data: part.subarray(0, rows * this.#rowSize), shape },
      ]),
    );
  }

  /** Adds the keys and values of one position of each of the first rows, the outputs of the graph. */
  append(outputs: Tensors, positions: ArrayLike<number>): void {
    const [heads, length, size] = cacheShape(this.model);
    for (const [i, part] of this.#parts.entries()) {
      const added = floats(outputs, `${PARTS[i % 2]}.${Math.floor(i / 2)}`); // [rows, heads, size]
      for (let row = 0; row < positions.length; row++)
        for (let head = 0; head < heads; head++) {
          const from = (row * heads + head) * size;
          const to = ((row * heads + head) * length + positions[row]!) * size;
          for (let k = 0; k < size; k++) part[to + k] = added[from + k]!;
        }
    }
  }

  /** Room for so many rows. The system gives memory when it is written to, so twice the room costs nothing. */
  #grow(rows: number): void {
    if (rows * this.#rowSize <= this.#parts[0]!.length) return;
    const size = Math.max(rows * this.#rowSize, 2 * this.#parts[0]!.length);
    for (const [i, part] of this.#parts.entries()) {
      const larger = new Float32Array(size);
      larger.set(part.subarray(0, this.#owners.length * this.#rowSize));
      this.#parts[i] = larger;
    }
  }

  /** A row in use has all of its memory from the start: what does not fit shows in the warm-up. */
  #take(row: number, owner: Owner): void {
    const isNew = row >= this.#owners.length;
    const displaced = this.#owners[row];
    if (displaced) this.#move(row, this.#owners.length, displaced);
    this.#owners[row] = owner;
    if (isNew) for (const part of this.#parts) part.fill(0, row * this.#rowSize, (row + 1) * this.#rowSize);
  }

  #move(from: number, to: number, owner: Owner): void {
    this.#grow(to + 1);
    for (const part of this.#parts)
      part.copyWithin(to * this.#rowSize, from * this.#rowSize, (from + 1) * this.#rowSize);
    this.#owners[to] = owner;
    this.#owners[from] = undefined;
  }

  #swap(a: number, b: number): void {
    const [ownerA, ownerB] = [this.#owners[a]!, this.#owners[b]];
    const spare = this.#owners.length;
    if (ownerB) this.#move(b, spare, ownerB);
    this.#move(a, b, ownerA);
    if (ownerB) this.#move(spare, a, ownerB);
    this.#owners.length = spare;
  }
}

/** Numbers of one row in one block's keys. */
function rowSize(a: CachedModel): number {
  return cacheShape(a).reduce((product, side) => product * side);
}
