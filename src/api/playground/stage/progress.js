// The progress of a run, as the bars of a marimba and as text.
import { element } from "../element.js";

const BARS = 32;
const CLOCK_MS = 100;

export class Progress {
  #startedAt = 0;
  #clock;

  constructor(root) {
    this.bars = Array.from({ length: BARS }, (_, i) => {
      const bar = element("span");
      bar.style.height = `${100 - (i / (BARS - 1)) * 55}%`;
      return bar;
    });
    this.keys = element("div", { className: "keys", aria: { hidden: "true" } }, ...this.bars);
    this.meter = element("progress", { max: 1, className: "visually-hidden", aria: { label: "Steps done" } });
    this.words = element("span", { className: "step" });
    this.time = element("span", { className: "clock" });
    this.line = element("div", { className: "progress-line" }, this.words, this.time);
    this.root = root;
    root.replaceChildren(this.keys, this.meter, this.line);
  }

  start() {
    this.#startedAt = performance.now();
    clearInterval(this.#clock);
    const tick = () => {
      this.time.textContent = `${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s`;
    };
    this.#clock = setInterval(tick, CLOCK_MS);
    tick();
    this.wait("Sending the request …");
    this.root.hidden = false;
  }

  /** Shows a message while there is no step count. */
  wait(words) {
    this.words.textContent = words;
    this.meter.removeAttribute("value");
    this.#fill(0);
    this.keys.classList.add("unknown");
  }

  show(done, of, words) {
    this.words.textContent = words;
    this.meter.value = done / of;
    this.keys.classList.remove("unknown");
    this.#fill((done / of) * BARS);
  }

  stop() {
    clearInterval(this.#clock);
    this.root.hidden = true;
  }

  #fill(count) {
    for (const [i, bar] of this.bars.entries()) bar.classList.toggle("struck", i < count);
  }
}
