// The grid of a comparison: the images of each value, and their time relative to the slowest.
import { duration } from "../duration.js";
import { byId, element } from "../element.js";
import { Tile } from "../stage/tile.js";

const MOST_IN_A_ROW = 6;

/** Time of an image without waiting: engine and encoding. */
export function workMs({ transformer_ms, diffusion_ms, decode_ms, encode_ms }) {
  return transformer_ms + diffusion_ms + decode_ms + encode_ms;
}

export class CompareGrid {
  #cells = [];

  constructor(varied, values, numImages) {
    this.varied = varied;
    this.#cells = values.map((value) => new Cell(varied.label, value, numImages));
    const grid = byId("compare");
    // Two rows if the images of one row would be too small.
    grid.style.setProperty("--columns", values.length > MOST_IN_A_ROW ? Math.ceil(values.length / 2) : values.length);
    grid.replaceChildren(...this.#cells.map(({ root }) => root));
    grid.hidden = false;
  }

  cell(index) {
    return this.#cells[index];
  }

  /** Rescales all bars to the slowest value so far. */
  rescale() {
    const slowest = Math.max(...this.#cells.map(({ ms }) => ms ?? 0));
    for (const cell of this.#cells) cell.scaleTo(slowest);
  }

  /** The result of the comparison, in a sentence. */
  summary() {
    const done = this.#cells.filter(({ ms }) => ms !== undefined);
    if (done.length < 2) return "";
    const slow = done.reduce((a, b) => (b.ms > a.ms ? b : a));
    const fast = done.reduce((a, b) => (b.ms < a.ms ? b : a));
    const ratio = slow.ms / fast.ms;
    if (ratio < 1.15) return `${this.varied.label} does not change the time: about ${duration(slow.ms)} each.`;
    const times = `${duration(slow.ms)} and ${duration(fast.ms)}`;
    return `${this.varied.label}: ${slow.value} took ${ratio.toFixed(1)} times as long as ${fast.value} (${times}).`;
  }

  stop(how) {
    for (const cell of this.#cells) cell.stop(how);
  }
}

class Cell {
  ms;
  #tiles;

  constructor(label, value, numImages) {
    this.value = value;
    this.#tiles = Array.from({ length: numImages }, () => new Tile());
    this.fill = element("span", { className: "fill" });
    this.time = element("span", { className: "time", textContent: "waiting" });
    const head = element(
      "h3",
      {},
      element("span", { className: "visually-hidden", textContent: `${label} ` }),
      String(value),
    );
    const bar = element("div", { className: "cost", aria: { hidden: "true" } }, this.fill);
    const images = element("div", { className: "cell-images" }, ...this.#tiles.map(({ root }) => root));
    this.root = element("section", { className: "cell" }, head, images, bar, this.time);
  }

  onEvent(name, data) {
    if (name === "preview") this.#tiles[data.index]?.preview(data);
    else if (name === "progress") this.time.textContent = `${Math.round((100 * data.step) / data.of)} %`;
    else if (name === "queued") this.time.textContent = data.position ? `${data.position} ahead` : "waiting";
  }

  finish(images, on) {
    for (const { image, url } of images) this.#tiles[image.index]?.finish(image, url, on);
    this.ms = Math.max(...images.map(({ image }) => workMs(image.timing)));
    this.time.textContent = duration(this.ms);
    this.root.classList.add("done");
  }

  scaleTo(slowestMs) {
    if (this.ms !== undefined) this.fill.style.width = `${(this.ms / slowestMs) * 100}%`;
  }

  stop(how) {
    if (this.ms !== undefined) return;
    for (const tile of this.#tiles) tile.stop(how);
    this.time.textContent = "not generated";
  }
}
