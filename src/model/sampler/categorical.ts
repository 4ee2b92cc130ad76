/** How a code is drawn from logits. */
export interface CategoricalSettings {
  /** Divides the logits; at 0 the likeliest code is taken. */
  readonly temperature: number;
  /** Only the k likeliest codes, and those as likely as the k-th; absent or 0: all. */
  readonly top_k?: number;
  /** Of these only the likeliest, up to the one with which their probability exceeds p; absent or 1: all. */
  readonly top_p?: number;
}

/** A lower temperature than this is this one (`sample` of LlamaGen's generate.py). */
const LEAST_TEMPERATURE = 1e-5;

/**
 * The logits that guidance makes of a row with its class and one without: u + g (c - u), in float64. Without the second row they are
 * the first.
 */
export function guidedLogits([conditional, unconditional]: readonly Float32Array[], guidance: number): Float64Array {
  const logits = Float64Array.from(conditional!);
  if (unconditional)
    for (let i = 0; i < logits.length; i++) logits[i] = unconditional[i]! + guidance * (logits[i]! - unconditional[i]!);
  return logits;
}

/**
 * The weight of each code, relative to the likeliest's: exp((logit - largest) / temperature), and 0 for those that top-k and then top-p
 * leave out. Sums of them are float64, from the first code to the last.
 */
export function categoricalWeights(logits: Float64Array, settings: CategoricalSettings): Float64Array {
  const temperature = Math.max(settings.temperature, LEAST_TEMPERATURE);
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!);
  const weights = new Float64Array(logits.length);
  for (let i = 0; i < logits.length; i++) weights[i] = Math.exp((logits[i]! - largest) / temperature);
  const { top_k = 0, top_p = 1 } = settings;
  if (top_k > 0 && top_k < weights.length) keepAtLeast(weights, weights.toSorted()[weights.length - top_k]!);
  if (top_p < 1) keepNucleus(weights, top_p);
  return weights;
}

/** The code where the running sum of the weights passes this share of their sum, 0 <= share < 1. */
export function drawCode(weights: Float64Array, share: number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]!;
  let left = share * sum;
  let last = 0; // where rounding leaves something
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    left -= weights[i]!;
    last = i;
    if (left < 0) break;
  }
  return last;
}

/** A number of Gumbel's distribution, from a uniform one in [0, 1); finite for all of them. */
export function gumbel(uniform: number): number {
  return -Math.log(-Math.log(Math.max(uniform, 2 ** -54)));
}

function keepAtLeast(weights: Float64Array, least: number): void {
  for (let i = 0; i < weights.length; i++) if (weights[i]! < least) weights[i] = 0;
}

/** Keeps the likeliest codes until their probability exceeds p; of equal ones the first (arXiv 1904.09751). */
function keepNucleus(weights: Float64Array, p: number): void {
  const codes = Array.from(weights.keys()).filter((code) => weights[code]! > 0);
  codes.sort((a, b) => weights[b]! - weights[a]! || a - b);
  const total = codes.reduce((sum, code) => sum + weights[code]!, 0);
  let sum = 0;
  for (const code of codes) {
    const isBeyond = sum > p * total;
    sum += weights[code]!;
    if (isBeyond) weights[code] = 0;
  }
}
