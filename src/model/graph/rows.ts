import type { GraphBuilder, Value } from "./builder.js";
import { concat, sizes } from "./linear.js";

/** What zero stands for in activations that are quantised to uint8. */
export const ZERO_POINT = 128;

/**
 * The rows of all activations that have as many of them as `like` ([rows, ...]): what quantising takes of them, made once,
 * in the graph of `g` even where a loop's body needs it.
 */
export class Rows {
  #zeroPoints: Value | undefined;

  constructor(
    private readonly g: GraphBuilder,
    private readonly like: Value,
  ) {}

  /** A zero point for each row, [rows, 1]. */
  get zeroPoints(): Value {
    const shape = () => concat(this.g, [sizes(this.g, this.like, 0, 1), this.g.ints([1])], 0);
    this.#zeroPoints ??= this.g.node("Expand", [this.g.byte(ZERO_POINT), shape()]);
    return this.#zeroPoints;
  }
}
