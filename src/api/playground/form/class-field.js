import { element, icon } from "../element.js";
import { ClassOptions } from "./class-options.js";
import { classTiles } from "./class-tiles.js";
import { Field } from "./field.js";

const NO_CLASS = { label: "no class", value: null };
const WORDS = { label: "Class", hint: "A name, an index, or no class." };

/** The class: a text that searches while the user types and, for few classes, a tile for each. */
export class ClassField extends Field {
  #source;
  #options;
  #value = null;
  #query = 0;
  #typing = false;
  #tiles;

  constructor() {
    const input = element("input", {
      id: "class",
      type: "text",
      maxLength: 200,
      autocomplete: "off",
      spellcheck: false,
    });
    input.setAttribute("role", "combobox");
    for (const [name, value] of Object.entries({ autocomplete: "list", expanded: "false", controls: "class-list" })) {
      input.setAttribute(`aria-${name}`, value);
    }
    const thumb = element("span", { className: "thumb chosen" });
    const list = element("ul", { id: "class-list", role: "listbox", aria: { label: "Classes" } });
    const note = element("p", { className: "note", role: "status" });
    const popup = element("div", { className: "popup", hidden: true }, list, note);
    const box = element("div", { className: "combobox" }, thumb, input, icon("down"), popup);
    const tiles = element("div", { className: "class-tiles" });
    super("class", WORDS, input, element("div", {}, box, tiles));
    Object.assign(this, { thumb, tilesPlace: tiles });
    this.#options = new ClassOptions(input, list, note);
    this.#listen(input, list, box);
  }

  /** The request's value: an index, a name, or null. Unknown text is sent as it is, so that the server can report it. */
  get value() {
    return this.#value;
  }

  get label() {
    return this.control.value.trim() || NO_CLASS.label;
  }

  /** Shows another model's classes and chooses the first, unless the user is typing a name, which is kept. */
  setSource(source) {
    this.#source = source;
    this.#query++;
    this.root.classList.toggle("with-samples", source.hasSamples);
    this.#tiles = classTiles(source, (choice) => this.#choose(choice));
    this.tilesPlace.replaceChildren(...(this.#tiles ? [this.#tiles.root] : []));
    if (this.#typing && document.activeElement === this.control) return this.#takeTyped();
    const first = source.all[0];
    this.#choose(first ? this.#choiceOf(first) : NO_CLASS);
    // What is typed next replaces it, as after the field got the focus.
    if (document.activeElement === this.control) this.control.select();
  }

  set(value) {
    const found = value === null ? undefined : this.#source.find(value);
    if (found) this.#choose(this.#choiceOf(found));
    else this.#choose(value === null ? NO_CLASS : { label: String(value), value });
  }

  #choiceOf(one) {
    return { label: one.name, id: one.id, index: one.index, value: this.#source.valueOf(one) };
  }

  #choose({ label, value, index }) {
    this.root.dispatchEvent(new CustomEvent("class", { bubbles: true, detail: { source: this.#source, index } }));
    this.control.value = label;
    this.#typing = false;
    this.#value = value;
    this.#source.paint(this.thumb, index);
    this.#tiles?.check(value);
    this.clearError();
    this.#options.close();
  }

  #listen(input, list, box) {
    input.addEventListener("input", () => {
      this.#typing = true;
      this.#takeTyped();
    });
    input.addEventListener("focus", () => input.select());
    input.addEventListener("blur", () => {
      // Leaving the field chooses the active option.
      if (this.#options.isOpen && this.#options.active) this.#choose(this.#options.active);
      else this.#options.close();
    });
    input.addEventListener("keydown", (event) => this.#onKey(event));
    box.addEventListener("mousedown", (event) => {
      // Clicks must not take the focus from the text.
      if (event.target !== input) event.preventDefault();
      if (list.parentElement.contains(event.target)) return;
      if (this.#options.isOpen && event.target !== input) return this.#options.close();
      input.focus();
      this.#search("");
    });
    list.addEventListener("click", (event) => {
      const choice = this.#options.choiceAt(event.target);
      if (choice) this.#choose(choice);
    });
  }

  #onKey(event) {
    if (event.key === "Escape" && this.#options.isOpen) {
      event.preventDefault();
      this.#options.close();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && this.#options.isOpen) {
      event.preventDefault();
      if (this.#options.active) this.#choose(this.#options.active);
      else this.#options.close();
    } else if (!this.#options.isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.#search("");
    } else if (this.#options.isOpen && !event.altKey && this.#options.move(event.key)) {
      event.preventDefault();
    }
  }

  #takeTyped() {
    this.#takeText();
    this.#search(this.control.value);
  }

  #takeText() {
    const text = this.control.value.trim();
    const known = this.#source.all.find(({ name }) => name.toLowerCase() === text.toLowerCase());
    if (known) this.#value = this.#source.valueOf(known);
    else if (["", NO_CLASS.label, "none"].includes(text.toLowerCase())) this.#value = null;
    else this.#value = /^\d+$/.test(text) ? Number(text) : text;
    this.#source.paint(this.thumb, known?.index);
    this.#tiles?.check(this.#value);
    this.clearError();
  }

  async #search(words) {
    const query = ++this.#query;
    const { classes, total } = await this.#source.search(words).catch(() => ({ classes: [], total: 0 }));
    // Only the latest search counts, and only while the field has the focus.
    if (query !== this.#query || document.activeElement !== this.control) return;
    const choices = classes.map((one) => this.#choiceOf(one));
    const offersNone = NO_CLASS.label.startsWith(words.trim().toLowerCase());
    if (offersNone) choices.push(NO_CLASS);
    const note = describe(classes.length, total, offersNone);
    this.#options.show(choices, note, this.#source, this.#value, words.trim() !== "");
  }
}

function describe(shown, total, offersNone) {
  if (total === 0) return offersNone ? "" : "No class matches.";
  return shown < total ? `Showing ${shown} of ${total} classes. Keep typing to narrow the list.` : "";
}
