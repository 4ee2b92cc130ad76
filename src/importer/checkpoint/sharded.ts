import { dirname, join } from "node:path";
import type { Checkpoint, StateDict, TensorChunk, TensorEntry } from "./checkpoint.js";
import { MAX_TENSORS } from "./dtype.js";
import { CheckpointError, inFile, quote } from "./error.js";
import type { CheckpointFile } from "./file.js";

/** The index of a model of 65,536 tensors takes some eight megabytes. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;
/** Each shard stays open; the largest published models of any kind have some two hundred. */
const MAX_SHARDS = 512;

/** Tensors by name, each with the name of the shard that holds it. */
export type WeightMap = Map<string, string>;

/** Reads `model.safetensors.index.json`: a JSON object whose `weight_map` names the shard of each tensor. */
export async function readShardIndex(file: CheckpointFile): Promise<WeightMap> {
  if (file.sizeBytes > MAX_INDEX_BYTES) {
    throw new CheckpointError(`it is an index of ${file.sizeBytes} bytes; at most ${MAX_INDEX_BYTES} are read`);
  }
  const pairs = Object.entries(parseWeightMap((await file.read(0, file.sizeBytes)).toString("utf8")));
  if (pairs.length > MAX_TENSORS) throw new CheckpointError(`it lists more than ${MAX_TENSORS} tensors`);
  for (const [name, shard] of pairs) {
    // Shards lie beside their index: an index must not lead to other files.
    if (typeof shard !== "string" || !/^[^/\\\0]+$/.test(shard)) {
      throw new CheckpointError(`it names no file beside it for tensor ${quote(name)}`);
    }
  }
  const weights: WeightMap = new Map(pairs as [string, string][]);
  const count = new Set(weights.values()).size;
  if (count > MAX_SHARDS) throw new CheckpointError(`it has ${count} shards; at most ${MAX_SHARDS} are read`);
  return weights;
}

function parseWeightMap(text: string): object {
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch {
    throw new CheckpointError("it begins like JSON and is not");
  }
  const weights = (index as { weight_map?: unknown }).weight_map;
  if (typeof weights === "object" && weights !== null && Object.keys(weights).length > 0) return weights;
  throw new CheckpointError('it is JSON without a "weight_map", as model.safetensors.index.json has one');
}

/** Several .safetensors files that an index makes one checkpoint. */
export class ShardedCheckpoint implements Checkpoint {
  readonly container = "safetensors";
  readonly metadata = {};
  readonly stateDicts: readonly StateDict[];
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly keys: readonly string[];
  readonly sizeBytes: number;
  readonly descriptors: readonly number[];
  readonly #shardOf = new Map<TensorEntry, Checkpoint>();

  private constructor(
    readonly path: string,
    private readonly shards: readonly Checkpoint[],
    tensors: ReadonlyMap<string, readonly [TensorEntry, Checkpoint]>,
  ) {
    for (const [entry, shard] of tensors.values()) this.#shardOf.set(entry, shard);
    this.tensors = new Map([...tensors].map(([name, [entry]]) => [name, entry]));
    this.stateDicts = [{ key: "", tensors: this.tensors, isList: false }];
    this.keys = [...this.tensors.keys()];
    this.sizeBytes = shards.reduce((sum, shard) => sum + shard.sizeBytes, 0);
    this.descriptors = shards.flatMap((shard) => shard.descriptors);
  }

  /** Opens every shard, in the order of their names. */
  static async open(
    path: string,
    weights: WeightMap,
    openShard: (path: string) => Promise<Checkpoint>,
  ): Promise<ShardedCheckpoint> {
    const shards = new Map<string, Checkpoint>();
    try {
      for (const name of [...new Set(weights.values())].sort()) {
        shards.set(name, await openShard(join(dirname(path), name)));
      }
      const tensors = [...weights].map(([name, file]) => {
        const shard = shards.get(file)!;
        const entry = shard.tensors.get(name);
        if (!entry) throw inFile(path, new CheckpointError(`its tensor ${quote(name)} is not in ${file}`));
        return [name, [entry, shard]] as const;
      });
      return new ShardedCheckpoint(path, [...shards.values()], new Map(tensors));
    } catch (error) {
      for (const shard of shards.values()) await shard.close();
      throw error;
    }
  }

  /** Tensors that follow one another in one shard are read without a pause. */
  async *chunks(entries: readonly TensorEntry[]): AsyncGenerator<TensorChunk> {
    for (let start = 0; start < entries.length; ) {
      const shard = this.#shardOf.get(entries[start]!)!;
      let end = start + 1;
      while (end < entries.length && this.#shardOf.get(entries[end]!) === shard) end++;
      yield* shard.chunks(entries.slice(start, end));
      start = end;
    }
  }

  readFloat32(entry: TensorEntry): Promise<Float32Array> {
    return this.#shardOf.get(entry)!.readFloat32(entry);
  }

  readBytes(entry: TensorEntry): Promise<Uint8Array> {
    return this.#shardOf.get(entry)!.readBytes(entry);
  }

  async checkUnchanged(): Promise<void> {
    for (const shard of this.shards) await shard.checkUnchanged();
  }

  async close(): Promise<void> {
    for (const shard of this.shards) await shard.close();
  }
}
