import { element, icon } from "../element.js";
import { Field } from "./field.js";
import { readNumber } from "./number-input.js";
import { wordsFor } from "./words.js";

/** Drawn seeds are below this number, so that they stay short. */
const DRAWN_BELOW = 1_000_000;

/** The seed: drawn for each request unless it is locked. Typing a seed locks it. */
export class SeedField extends Field {
  constructor(schema) {
    const input = element("input", {
      id: "seed",
      type: "text",
      inputMode: "numeric",
      autocomplete: "off",
    });
    const lock = element("button", { type: "button", className: "tool", id: "seed-lock", title: "Lock the seed" });
    const shuffle = element("button", { type: "button", className: "tool", id: "seed-shuffle", title: "Draw a seed" });
    lock.setAttribute("aria-label", "Lock the seed");
    shuffle.setAttribute("aria-label", "Draw a seed");
    shuffle.append(icon("shuffle"));
    super("seed", wordsFor("seed", schema), input, element("div", { className: "seed" }, input, lock, shuffle));
    this.lock = lock;
    this.setLocked(false);
    input.value = String(drawSeed());
    lock.addEventListener("click", () => this.setLocked(!this.isLocked));
    shuffle.addEventListener("click", () => {
      this.clearError();
      input.value = String(drawSeed());
    });
    input.addEventListener("input", () => {
      this.clearError();
      this.setLocked(input.value !== "");
    });
  }

  get isLocked() {
    return this.lock.getAttribute("aria-pressed") === "true";
  }

  setLocked(isLocked) {
    this.lock.setAttribute("aria-pressed", String(isLocked));
    this.lock.replaceChildren(icon(isLocked ? "locked" : "unlocked"));
  }

  set(seed) {
    this.control.value = String(seed);
    this.setLocked(true);
    this.clearError();
  }

  /** The seed of the next request. */
  take() {
    if (!this.isLocked || this.control.value.trim() === "") this.control.value = String(drawSeed());
    return readNumber(this.control.value);
  }
}

function drawSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % DRAWN_BELOW;
}
