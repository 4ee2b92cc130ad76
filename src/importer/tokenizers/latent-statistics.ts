import { readFile, stat } from "node:fs/promises";
import Type, { type Static } from "typebox";
import { listed } from "../architecture/tensor-table.js";
import { CheckpointError, inFile, quote } from "../checkpoint/error.js";
import { asCheckpointError } from "../checkpoint/file.js";
import { NumberArray, unpickleArrays } from "../checkpoint/pytorch/array-pickle.js";
import { Dict, type PickleValue, Tuple } from "../checkpoint/pytorch/pickle-values.js";
import { ImportError } from "../error.js";
import { readJsonFile } from "../json-file.js";

/** A pickle of the statistics of a few tokenizers has some kilobytes. */
const MAX_BYTES = 1024 * 1024;

const Numbers = Type.Union([Type.Number(), Type.Array(Type.Number(), { minItems: 1, maxItems: 65_536 })]);
const StatisticsFile = Type.Object({ mean: Numbers, std: Numbers }, { additionalProperties: false });

/** Mean and standard deviation of a tokenizer's latents: of all channels, or of each. */
export interface LatentStatistics {
  /** Where they come from, for error messages. */
  readonly label: string;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** `--latent-stats`: the file, and which tokenizer's statistics in it where it has several. */
export interface LatentStatisticsFile {
  readonly path: string;
  readonly key?: string | undefined;
}

/**
 * Reads DeTok's `stats.pkl`, as `collect_tokenizer_stats` of the official utils/train_utils.py writes it, or a `.json` of `mean` and
 * `std`. No code in the pickle is run. Throws `ImportError` or `CheckpointError`.
 */
export async function readLatentStatistics({ path, key }: LatentStatisticsFile): Promise<LatentStatistics> {
  if (path.endsWith(".json")) return fromJson(path, await readJsonFile(path, StatisticsFile));
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES)
      throw new CheckpointError(`it has ${size} bytes; statistics of latents have at most ${MAX_BYTES}`);
    return fromPickle(path, unpickleArrays(await readFile(path)), key);
  } catch (error) {
    throw inFile(path, asCheckpointError(error));
  }
}

function fromJson(label: string, { mean, std }: Static<typeof StatisticsFile>): LatentStatistics {
  return { label, mean: [mean].flat(), std: [std].flat() };
}

/** A dict of tokenizers: each has `channel`, the means and deviations of every channel. */
function fromPickle(label: string, top: PickleValue, key: string | undefined): LatentStatistics {
  const tokenizers = entriesOf(top);
  const keys = [...tokenizers.keys()];
  if (key === undefined && keys.length > 1)
    throw new ImportError(
      `${label} has statistics of several tokenizers: choose with --latent-stats-key one of ${listed(keys.map(quote))}.`,
    );
  const chosen = key ?? keys[0];
  const found = chosen === undefined ? undefined : tokenizers.get(chosen);
  if (found === undefined)
    throw new ImportError(
      `${label} has no statistics of ${quote(chosen ?? "a tokenizer")}; it has ${listed(keys.map(quote)) || "none"}.`,
    );
  const channel = entriesOf(found).get("channel");
  const [mean, std] = channel instanceof Tuple ? channel.items : [];
  if (!(mean instanceof NumberArray) || !(std instanceof NumberArray))
    throw new CheckpointError(
      `its entry ${quote(chosen!)} has no "channel": a mean and a standard deviation, each an array`,
    );
  return { label, mean: [...mean.values], std: [...std.values] };
}

function entriesOf(value: PickleValue): ReadonlyMap<string, PickleValue> {
  if (!(value instanceof Dict))
    throw new CheckpointError("it is no dict of tokenizers' statistics, as DeTok's stats.pkl is");
  return new Map([...value.entries].map(([key, entry]) => [String(key), entry]));
}
