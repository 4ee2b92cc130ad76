import { floats, type Tensors } from "../../engine/runtime/runtime.js";
import type { AnyCausalArchitecture, CausalArchitecture, OrderedArchitecture } from "../../model/manifest.js";
import type { Stack } from "../../model/shapes.js";

/** `key.3` is the graph's output for the positions of a run in block 3, `keys.3` its input with those that are cached. */
const partName = (part: number, cached = "") => `${part % 2 === 0 ? "key" : "value"}${cached}.${Math.floor(part / 2)}`;

/** The places of all rows grow by so many. A multiple of what a product computes at a time, so that more places change no result. */
const PLACES = 64;

/** What the cache must know of a model. */
export type CachedModel =
  | Pick<CausalArchitecture, "token_count" | "transformer">
  | Pick<OrderedArchitecture, "token_count" | "decoder">;

export function stackOf(a: CachedModel): Stack {
  return "decoder" in a ? a.decoder : a.transformer;
}

/** Of one row in one block: heads, positions (L), and numbers of a head. */
export function cacheShape(a: CachedModel): readonly [number, number, number] {
  const { width, heads } = stackOf(a);
  return [heads, a.token_count, width / heads];
}

/** Memory that the keys and values of one row take, in bytes. An image with guidance has two rows. */
export function rowBytes(a: CachedModel): number {
  return 2 * stackOf(a).depth * Float32Array.BYTES_PER_ELEMENT * wholeRow(a);
}

/** What a row belongs to: any object. */
type Owner = object;

/**
 * The keys and values of all sequences in flight. A run takes the first rows, so that none is copied: `arrange` moves the rows of a
 * run there, where that is not so. All rows have as many places as the longest needs, since a run reads them all; there is memory for
 * all positions. What a row holds beyond its sequence's length counts as nothing.
 */
export class KeyValueCache {
  /** Keys and values of each block, in turn: [rows, heads, places, size]. */
  readonly #parts: Float32Array[];
  /** By row. */
  readonly #owners: (Owner | undefined)[] = [];
  #places = 0;

  constructor(readonly model: AnyCausalArchitecture) {
    this.#parts = Array.from({ length: 2 * stackOf(model).depth }, () => new Float32Array(0));
  }

  /** Numbers of one row in one part. */
  get #rowSize(): number {
    const [heads, , size] = cacheShape(this.model);
    return heads * this.#places * size;
  }

  /** Frees the rows of all other sequences. */
  keep(owners: ReadonlySet<Owner>): void {
    for (const [row, owner] of this.#owners.entries()) if (owner && !owners.has(owner)) this.#owners[row] = undefined;
  }

  /** Gives the sequences the first rows, in any order, with room for so many positions, and returns each one's row. */
  arrange(owners: readonly Owner[], positions: number): number[] {
    const count = owners.length;
    if (this.#owners.every((owner) => !owner)) this.#places = 0;
    this.#lengthen(positions);
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
    const [heads, , size] = cacheShape(this.model);
    const shape = [rows, heads, this.#places, size];
    return Object.fromEntries(
      this.#parts.map((part, i) => [partName(i, "s"), { data: part.subarray(0, rows * this.#rowSize), shape }]),
    );
  }

  /** Adds the keys and values of one position of each of the first rows, from the outputs of the graph, and returns the other outputs. */
  append(outputs: Tensors, positions: ArrayLike<number>): Tensors {
    const [heads, , size] = cacheShape(this.model);
    const others = { ...outputs };
    for (const [i, part] of this.#parts.entries()) {
      const name = partName(i);
      const added = floats(outputs, name); // [rows, heads, size]
      delete others[name];
      for (let row = 0; row < positions.length; row++)
        for (let head = 0; head < heads; head++) {
          const from = (row * heads + head) * size;
          const to = ((row * heads + head) * this.#places + positions[row]!) * size;
          for (let k = 0; k < size; k++) part[to + k] = added[from + k]!;
        }
    }
    return others;
  }

  /** Places for so many positions in every row. */
  #lengthen(positions: number): void {
    if (positions <= this.#places) return;
    const [heads, length, size] = cacheShape(this.model);
    const [before, after] = [this.#places, Math.min(length, PLACES * Math.ceil(positions / PLACES))];
    for (const part of this.#parts)
      for (let i = this.#owners.length * heads - 1; i > 0; i--)
        part.copyWithin(i * after * size, i * before * size, (i + 1) * before * size);
    this.#places = after;
  }

  /** Room for so many rows of all positions. The system gives memory when it is written to, so twice the room costs nothing. */
  #grow(rows: number): void {
    const whole = wholeRow(this.model);
    if (rows * whole <= this.#parts[0]!.length) return;
    const size = Math.max(rows * whole, 2 * this.#parts[0]!.length);
    for (const [i, part] of this.#parts.entries()) {
      const larger = new Float32Array(size);
      larger.set(part.subarray(0, this.#owners.length * this.#rowSize));
      this.#parts[i] = larger;
    }
  }

  /** A row in use has the memory of all positions from the start: what does not fit shows in the warm-up. */
  #take(row: number, owner: Owner): void {
    const isNew = row >= this.#owners.length;
    const displaced = this.#owners[row];
    if (displaced) this.#move(row, this.#owners.length, displaced);
    this.#owners[row] = owner;
    const whole = wholeRow(this.model); // the rows before this one end below
    if (isNew) for (const part of this.#parts) part.fill(0, row * whole, (row + 1) * whole);
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

/** Numbers of one row with all positions in one block's keys. */
function wholeRow(a: CachedModel): number {
  return cacheShape(a).reduce((product, side) => product * side);
}
