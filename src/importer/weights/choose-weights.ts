import { listed, type Tensors } from "../architecture/tensor-table.js";
import type { Checkpoint, StateDict, TensorEntry } from "../checkpoint/checkpoint.js";
import { quote } from "../checkpoint/error.js";
import { ImportError } from "../error.js";
import { GENERATOR_MARKERS, IMPORTED_FAMILIES } from "../families.js";
import { DECODER_MARKER } from "../tokenizers/consistency.js";
import { withReferenceNames } from "../tokenizers/reference-names.js";
import { TOKENIZER_MARKERS } from "../tokenizers/tokenizers.js";

/** `ema`: averaged weights; `raw`: those that were trained; anything else: the key that leads to them. */
export type WeightsChoice = string;

export type Network = "generator" | "tokenizer" | "decoder";

/** One network's tensors in a checkpoint. */
export interface NetworkWeights {
  /** By the names of the reference implementation. */
  readonly tensors: Tensors;
  /** The keys that lead to them, joined by dots; empty where they lie at the top of the file. */
  readonly key: string;
  readonly isAveraged: boolean;
}

/** Tensors of which every such network has one: what stands before it in a name was added by wrappers. */
const MARKERS: Readonly<Record<Network, readonly string[]>> = {
  generator: GENERATOR_MARKERS,
  tokenizer: TOKENIZER_MARKERS,
  decoder: [DECODER_MARKER],
};
export const WEIGHTS_OPTIONS = {
  generator: "--weights",
  tokenizer: "--tokenizer-weights",
  decoder: "--decoder-weights",
} as const;

/** Parts of a name that torch.compile, DistributedDataParallel, FSDP and activation checkpointing insert anywhere. */
const WRAPPERS = new Set(["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]);
/** Parts of a key that say that averaged weights follow, and those that say the opposite (ema_pytorch has both). */
const AVERAGED = /(?<![a-z])(ema|averaged?|swa|shadow)(?![a-z])/i;
const TRAINED = /^online_/;
/** What wrappers count beside the weights: `AveragedModel`, LitEma and ema_pytorch. */
const COUNTERS = new Set(["n_averaged", "num_updates", "decay", "step", "initted"]);
/** Copies of LitEma, whose names have no dots. Latent diffusion loads a first stage without them. */
const LIT_EMA = /(^|\.)model_ema\.[^.]+$/;
/** More networks than any file holds; bounds the work of telling them apart. */
const MAX_NETWORKS = 16;

/**
 * Finds a network's tensors in a checkpoint, whatever dict they lie in and whatever wrappers put before their names.
 * Averaged weights come before trained ones: published results are theirs. Throws `ImportError` where several places
 * could be meant, where averaged weights can't be used, and where `choice` leads nowhere.
 */
export function chooseWeights(checkpoint: Checkpoint, network: Network, choice?: WeightsChoice): NetworkWeights {
  const option = WEIGHTS_OPTIONS[network];
  const fail = (sentence: string): never => {
    throw new ImportError(`${checkpoint.path} ${sentence}`);
  };
  const named = checkpoint.stateDicts.flatMap((dict) => networksIn(dict, MARKERS[network]));
  if (named.length === 0) fail(nothingFound(checkpoint, network));
  if (named.length > MAX_NETWORKS) fail(`holds more than ${MAX_NETWORKS} networks.`);
  const { lists, unusable } = averagedElsewhere(checkpoint, network, named, choice);
  const found = [...named, ...lists];
  const pick = (what: string, candidates: readonly NetworkWeights[]): NetworkWeights => {
    if (candidates.length === 1) return candidates[0]!;
    if (candidates.length === 0) return fail(`has no ${what} of the ${network}, only weights ${places(found)}.`);
    return fail(`has ${what} of the ${network} in several places: ${places(candidates)}. Choose with ${option} KEY.`);
  };
  const averaged = found.filter(({ isAveraged }) => isAveraged);
  const trained = found.filter(({ isAveraged }) => !isAveraged);
  if (choice === "raw") return pick("raw weights", trained);
  if (choice !== undefined && choice !== "ema") {
    const underKey = found.filter(({ key }) => key === choice || key.startsWith(`${choice}.`));
    return pick(`weights under ${quote(choice)}`, underKey);
  }
  if (averaged.length === 0 && unusable.length > 0) {
    fail(`holds averaged weights that can't be used: ${listed(unusable)}. Import the trained ones with ${option} raw.`);
  }
  if (averaged.length > 0 || choice === "ema") return pick("averaged weights", averaged);
  return pick("weights", trained);
}

/** The networks of one dict, each with the prefix that wrappers left. */
function networksIn(dict: StateDict, markers: readonly string[]): NetworkWeights[] {
  if (dict.isList) return [];
  const names = withoutWrappers(dict.tensors);
  const prefixes = [...names.keys()]
    .flatMap((name) => {
      const marker = markers.find((one) => name === one || name.endsWith(`.${one}`));
      return marker === undefined ? [] : [name.slice(0, -marker.length)];
    })
    // The decoder of DeTok's tokenizer has a mask token, too.
    .filter((prefix) => !names.has(`${prefix}positional_embedding`))
    .slice(0, MAX_NETWORKS + 1);
  return prefixes.map((prefix) => {
    const inner = prefixes.filter((other) => other.length > prefix.length && other.startsWith(prefix));
    const tensors = new Map<string, TensorEntry>();
    for (const [name, entry] of names) {
      if (!name.startsWith(prefix) || inner.some((other) => name.startsWith(other))) continue;
      const rest = name.slice(prefix.length);
      if (!COUNTERS.has(rest) && !AVERAGED.test(rest.split(".", 1)[0]!)) tensors.set(rest, entry);
    }
    const key = [dict.key, prefix.slice(0, -1)].filter((part) => part !== "").join(".");
    return { tensors: withReferenceNames(tensors), key, isAveraged: isAveragedKey(key) || isCounted(names, prefix) };
  });
}

/** Tensors by their names without wrappers' parts; a name that another tensor has then stays as it is. */
function withoutWrappers(tensors: Tensors): Map<string, TensorEntry> {
  const names = new Map<string, TensorEntry>();
  for (const [name, entry] of tensors) {
    const short = name
      .split(".")
      .filter((part) => !WRAPPERS.has(part))
      .join(".");
    names.set(short !== name && (tensors.has(short) || names.has(short)) ? name : short, entry);
  }
  return names;
}

/** The last part that says either decides: `ema.online_model` are trained weights. */
function isAveragedKey(key: string): boolean {
  const last = key.split(".").findLast((part) => AVERAGED.test(part) || TRAINED.test(part));
  return last !== undefined && !TRAINED.test(last);
}

/** Whether PyTorch's `AveragedModel`, which counts what it averaged, holds the network. */
function isCounted(names: ReadonlyMap<string, unknown>, prefix: string): boolean {
  const parts = prefix.split(".");
  return parts.some((_, i) => names.has([...parts.slice(0, i), "n_averaged"].join(".")));
}

/**
 * Averaged weights without names: lists in the order of the trained parameters. Everything else that a key calls averaged
 * and that is not a network is listed, with the reason why it is not usable.
 */
function averagedElsewhere(
  { stateDicts }: Checkpoint,
  network: Network,
  named: readonly NetworkWeights[],
  choice: WeightsChoice | undefined,
): { lists: NetworkWeights[]; unusable: string[] } {
  const depth = 1 + Math.max(...named.map(({ key }) => (key === "" ? 0 : key.split(".").length)));
  const trained = named.filter(({ isAveraged }) => !isAveraged);
  const lists: NetworkWeights[] = [];
  const reasons = new Map<string, string>();
  for (const dict of stateDicts) {
    const above = dict.key === "" ? [] : dict.key.split(".");
    if (dict.isList && (isAveragedKey(dict.key) || dict.key === choice)) {
      const byOrder = trained.length === 1 ? inOrderOf(trained[0]!, dict) : undefined;
      if (byOrder) lists.push(byOrder);
      else
        reasons.set(dict.key, `${quote(dict.key)} is a list of ${dict.tensors.size} tensors, not those of the model`);
      continue;
    }
    for (const [name, { problem, shape }] of withoutWrappers(dict.tensors)) {
      if (problem === undefined && shape.length === 0) continue; // a count or a rate
      if (network === "tokenizer" && LIT_EMA.test(name)) continue;
      const parts = [...above, ...name.split(".").slice(0, depth)];
      const end = 1 + parts.findIndex((part) => AVERAGED.test(part));
      const key = parts.slice(0, end).join(".");
      if (end > 0) reasons.set(key, problem ?? `${quote(key)} holds no tensors of the model's names`);
    }
  }
  const known = [...named.filter(({ isAveraged }) => isAveraged), ...lists].map(({ key }) => key);
  const unusable = [...reasons].filter(([key]) => !known.some((other) => other === key || other.startsWith(`${key}.`)));
  return { lists, unusable: unusable.map(([, reason]) => reason) };
}

/**
 * PyTorch lists a model's parameters in the order in which its state dict names them. A list is taken for that where number
 * and every shape agree, one by one.
 */
function inOrderOf(trained: NetworkWeights, list: StateDict): NetworkWeights | undefined {
  const isUnused = (name: string) => IMPORTED_FAMILIES.some((family) => family.isUnused?.(name));
  const names = [...trained.tensors].filter(([name, { problem }]) => problem === undefined && !isUnused(name));
  const entries = [...list.tensors.values()];
  const agrees = ([, { shape }]: (typeof names)[number], i: number) =>
    entries[i]!.problem === undefined && entries[i]!.shape.join() === shape.join();
  if (names.length !== entries.length || !names.every(agrees)) return undefined;
  const tensors = new Map(names.map(([name], i) => [name, entries[i]!]));
  return { tensors, key: list.key, isAveraged: isAveragedKey(list.key) };
}

function places(candidates: readonly NetworkWeights[]): string {
  return listed(candidates.map(({ key }) => (key === "" ? "at its top" : `under ${quote(key)}`)));
}

function nothingFound({ stateDicts, keys }: Checkpoint, network: Network): string {
  const isIn = (other: Network) => stateDicts.some((dict) => networksIn(dict, MARKERS[other]).length > 0);
  const other = (Object.keys(MARKERS) as Network[]).find((one) => one !== network && isIn(one));
  if (other)
    return `holds a ${other}, not a ${network}; --generator takes the checkpoint of MAR, DiT, SiT or LlamaGen, --tokenizer the autoencoder and --decoder a consistency decoder.`;
  const has = keys.length === 0 ? "The file is empty" : `The file has ${listed(keys.map(quote))}`;
  return `holds no ${network}: no tensor's name is or ends in ${MARKERS[network].join(" or ")}. ${has}.`;
}
