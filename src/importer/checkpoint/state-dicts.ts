import { MAX_TENSORS } from "./dtype.js";
import { CheckpointError } from "./error.js";
import { Dict, List, type PickleValue, Placeholder, TensorReference, Tuple } from "./pytorch/pickle-values.js";

/** Tensors, or what stands in their place, of one dict or list of a pickle. */
export interface PickledDict {
  readonly key: string;
  readonly values: ReadonlyMap<string, TensorReference | Placeholder>;
  readonly isList: boolean;
}

/** Weights lie at most two keys below the top: `ema.shadow_params`. An optimizer's tensors lie deeper. */
const MAX_DEPTH = 2;
/** A dict that is reached by many keys is looked through as often. */
const MAX_VALUES = 2_000_000;
/** The published names have at most 60 characters. */
const MAX_KEY_LENGTH = 1000;

/** Placeholders that can't stand for tensors: bytes, sets, numbers, times and paths. */
const NO_TENSORS =
  /^(bytes|set|int|_codecs\.encode|(__builtin__|builtins)\.(set|frozenset|bytearray|complex|slice)|numpy\S*\.(scalar|dtype)|(datetime|pathlib)\S*)$/;

/** Every dict and list near the top of a checkpoint's pickle that holds tensors, and the keys at its top. */
export function findStateDicts(top: PickleValue): { keys: string[]; dicts: PickledDict[] } {
  if (!(top instanceof Dict)) {
    throw new CheckpointError("it holds no dict: a checkpoint is a state dict, or a dict with one under a key");
  }
  const dicts: PickledDict[] = [];
  let visited = 0;
  let tensors = 0;
  const visit = (key: string, container: Dict | List | Tuple, depth: number) => {
    const values = new Map<string, TensorReference | Placeholder>();
    dicts.push({ key, values, isList: !(container instanceof Dict) });
    for (const [name, value] of namedValues(container)) {
      if (++visited > MAX_VALUES) throw new CheckpointError(`it holds more than ${MAX_VALUES} values`);
      if (value instanceof TensorReference && ++tensors > MAX_TENSORS) {
        throw new CheckpointError(`it lists more than ${MAX_TENSORS} tensors`);
      }
      if (value instanceof TensorReference || (value instanceof Placeholder && !NO_TENSORS.test(value.name))) {
        values.set(name, value);
      } else if (depth < MAX_DEPTH && isContainer(value)) {
        visit(key === "" ? name : `${key}.${name}`, value, depth + 1);
      }
    }
  };
  visit("", top, 0);
  const keys = [...namedValues(top)].map(([name]) => name);
  return { keys, dicts: dicts.filter(({ values }) => values.size > 0) };
}

function isContainer(value: PickleValue): value is Dict | List | Tuple {
  return value instanceof Dict || value instanceof List || value instanceof Tuple;
}

/** Values by key or index; keys that are neither text nor numbers lead to no weights. */
function* namedValues(container: Dict | List | Tuple): Generator<[string, PickleValue]> {
  const pairs = container instanceof Dict ? container.entries : container.items.entries();
  for (const [key, value] of pairs) {
    if (typeof key !== "string" && typeof key !== "number") continue;
    if (String(key).length > MAX_KEY_LENGTH) {
      throw new CheckpointError(`it has a key of more than ${MAX_KEY_LENGTH} characters`);
    }
    yield [String(key), value];
  }
}
