// A model's classes: all at once if one response holds them, otherwise searched on the server.
import { request, requestJson } from "../api/request.js";

/** At most this many are shown at once. */
const MOST_SHOWN = 200;

export class ClassSource {
  #classes;
  #total;
  #sheet;

  constructor(model, classes, total, sheet) {
    this.model = model;
    this.#classes = classes;
    this.#total = total;
    this.#sheet = sheet;
  }

  /** Throws if the classes cannot be loaded. Missing samples are not an error. */
  static async load(model, samplesUrl) {
    const [{ classes, total }, sheet] = await Promise.all([
      requestJson(classesPath(model)),
      samplesUrl && loadSheet(samplesUrl).catch(() => undefined),
    ]);
    return new ClassSource(model, classes, total, sheet);
  }

  get all() {
    return this.#classes;
  }

  get hasSamples() {
    return this.#sheet !== undefined;
  }

  /** Matching `{classes, total}`; names that begin with the words come first. */
  async search(words) {
    if (this.#classes.length < this.#total) {
      return requestJson(`${classesPath(this.model)}?limit=${MOST_SHOWN}&query=${encodeURIComponent(words)}`);
    }
    const found = searchHere(this.#classes, words.trim().toLowerCase());
    return { classes: found.slice(0, MOST_SHOWN), total: found.length };
  }

  /** The request's value for a class: its name if that is unique, otherwise its index. */
  valueOf({ name, index }) {
    const isUnique =
      this.#classes.length === this.#total && this.#classes.filter((one) => one.name === name).length === 1;
    return isUnique && !/^\d+$/.test(name) ? name : index;
  }

  find(value) {
    return this.#classes.find(({ name, index }) => value === index || value === name);
  }

  /** Shows the class's sample in the element, if there is one. */
  paint(element, index) {
    if (!this.#sheet || index === undefined) {
      element.style.backgroundImage = "none";
      return;
    }
    const columns = Math.ceil(Math.sqrt(this.model.class_count));
    const rows = Math.ceil(this.model.class_count / columns);
    const share = (place, count) => (count > 1 ? (place / (count - 1)) * 100 : 0);
    element.style.backgroundImage = `url("${this.#sheet}")`;
    element.style.backgroundSize = `${columns * 100}% ${rows * 100}%`;
    element.style.backgroundPosition = `${share(index % columns, columns)}% ${share(Math.floor(index / columns), rows)}%`;
  }
}

const classesPath = ({ id }) => `models/${encodeURIComponent(id)}/classes`;

/** Fetched, because an image element sends no key. */
async function loadSheet(url) {
  const response = await request(url);
  return URL.createObjectURL(await response.blob());
}

function searchHere(classes, words) {
  if (words === "") return classes;
  const beginning = [];
  const containing = [];
  for (const one of classes) {
    const name = one.name.toLowerCase();
    if (name.startsWith(words) || one.id?.toLowerCase() === words || String(one.index) === words) beginning.push(one);
    else if (name.includes(words)) containing.push(one);
  }
  return [...beginning, ...containing];
}
