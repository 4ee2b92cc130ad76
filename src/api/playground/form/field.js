// The frame around every control: label, hint and error.
import { element, icon } from "../element.js";

export class Field {
  /** `control` is the labelled element; `body` is everything below the label. */
  constructor(name, { label, hint }, control, body, beside) {
    const id = control.id;
    this.name = name;
    this.control = control;
    this.error = element("p", { className: "error", id: `${id}-error`, hidden: true });
    const caption =
      control.tagName === "INPUT" || control.tagName === "SELECT"
        ? element("label", { htmlFor: id, textContent: label })
        : element("span", { className: "label", id: `${id}-label`, textContent: label });
    if (caption.tagName === "SPAN") control.setAttribute("aria-labelledby", caption.id);
    const hintLine = element("p", { className: "hint", id: `${id}-hint`, textContent: hint });
    control.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
    const top = element("div", { className: "field-top" }, caption, beside);
    this.root = element("div", { className: "field", data: { field: name } }, top, body, hintLine, this.error);
  }

  showError(message) {
    this.error.textContent = message;
    this.error.hidden = false;
    this.control.setAttribute("aria-invalid", "true");
  }

  clearError() {
    this.error.hidden = true;
    this.control.removeAttribute("aria-invalid");
  }

  focus() {
    for (let parent = this.root.parentElement; parent; parent = parent.parentElement) {
      if (parent.tagName === "DETAILS") parent.open = true;
    }
    const target = this.control.matches("input, select")
      ? this.control
      : (this.control.querySelector("input:checked") ?? this.control.querySelector("input"));
    target?.focus({ preventScroll: true });
    this.root.scrollIntoView({ block: "center" });
  }
}

/** A sampling parameter: it has the value of the preset or model until the user sets another. */
export class ParameterField extends Field {
  #base;
  #own;
  #input;

  /** `input` is `{control, body, beside, show(value), onInput(listener), limit?(schema)}`. */
  constructor(name, words, input) {
    const reset = element("button", { type: "button", className: "reset", hidden: true }, icon("reset"));
    super(name, words, input.control, input.body, element("div", { className: "beside" }, reset, input.beside));
    this.#input = input;
    this.reset = reset;
    reset.addEventListener("click", () => {
      this.set(undefined);
      this.focus();
      this.root.dispatchEvent(new Event("change", { bubbles: true }));
    });
    this.root.addEventListener("focusout", () => this.#restore());
    input.onInput((value) => {
      this.#own = value === this.#base || value === "" ? undefined : value;
      this.#mark();
      this.clearError();
    });
  }

  /** An emptied text shows the value of the preset or model again. */
  #restore() {
    if (this.#own === undefined) this.#input.show(this.#base);
  }

  /** The request's value; undefined if it is that of the preset or model. */
  get own() {
    return this.#own;
  }

  get value() {
    return this.#own ?? this.#base;
  }

  set(value) {
    this.#own = value === this.#base ? undefined : value;
    this.#input.show(this.value);
    this.#mark();
    this.clearError();
  }

  setBase(base) {
    this.#base = base;
    if (this.#own === base) this.#own = undefined;
    this.#input.show(this.value);
    this.#mark();
  }

  limit(schema) {
    this.#input.limit?.(schema);
  }

  #mark() {
    const isChanged = this.#own !== undefined;
    this.root.classList.toggle("changed", isChanged);
    this.reset.hidden = !isChanged;
    const base = this.#base ?? "none";
    this.reset.title = `Reset to ${base}`;
    this.reset.setAttribute("aria-label", `${this.root.querySelector("label, .label").textContent}: reset to ${base}`);
  }
}
