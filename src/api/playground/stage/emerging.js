// Shown before the first request: a sample of the chosen class, uncovered token by token in random order.
import { delay } from "../api/delay.js";
import { element } from "../element.js";

const SIDE = 8;
const TOKEN_MS = 45;
/** Number of uncovered tokens if the user prefers reduced motion. */
const KNOWN_AT_REST = 40;

export class Emerging {
  #thumb = element("span", { className: "thumb" });
  #tokens = Array.from({ length: SIDE * SIDE }, () => element("span"));
  #run = 0;

  constructor(root) {
    root.replaceChildren(this.#thumb, element("div", { className: "cover" }, ...this.#tokens));
  }

  /** Restarts with this class; without a class, all tokens stay covered. */
  async show(source, index) {
    const run = ++this.#run;
    source.paint(this.#thumb, index);
    for (const token of this.#tokens) token.classList.remove("known");
    if (!source.hasSamples || index === undefined) return;
    const order = shuffled(this.#tokens);
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const [i, token] of order.entries()) {
      if (isStill && i >= KNOWN_AT_REST) return;
      if (!isStill) await delay(TOKEN_MS);
      if (run !== this.#run) return;
      token.classList.add("known");
    }
  }
}

function shuffled(list) {
  return list
    .map((one) => [Math.random(), one])
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one);
}
