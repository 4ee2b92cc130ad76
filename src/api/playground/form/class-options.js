// The list of matching classes and its active option. Follows the WAI-ARIA pattern of an editable combobox, in which the
// focus stays in the text.
import { element } from "../element.js";

const PAGE = 10;

export class ClassOptions {
  #options = [];
  #active = -1;

  constructor(input, list, note) {
    Object.assign(this, { input, list, note });
  }

  get isOpen() {
    return !this.list.parentElement.hidden;
  }

  get active() {
    return this.#options[this.#active]?.choice;
  }

  /** `choices` are `{label, id?, index?, value}`. */
  show(choices, note, source, chosen, activeFirst) {
    this.#options = choices.map((choice, i) => {
      const thumb = element("span", { className: "thumb" });
      source.paint(thumb, choice.index);
      const option = element("li", {
        id: `class-option-${i}`,
        role: "option",
        aria: { selected: choice.value === chosen },
      });
      const detail = choice.id ? element("small", { textContent: choice.id }) : null;
      option.append(
        ...(source.hasSamples ? [thumb] : []),
        element("span", { textContent: choice.label }),
        detail ?? "",
      );
      return { choice, option };
    });
    this.list.replaceChildren(...this.#options.map(({ option }) => option));
    this.note.textContent = note;
    this.list.parentElement.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const at = this.#options.findIndex(({ choice }) => choice.value === chosen);
    this.#activate(activeFirst && choices.length > 0 ? 0 : at);
  }

  close() {
    this.list.parentElement.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#activate(-1);
  }

  /** Moves the active option; returns whether the key moves it. */
  move(key) {
    const count = this.#options.length;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[key];
    if (steps === undefined) return false;
    if (count === 0) return true;
    if (this.#active < 0) this.#activate(steps > 0 ? 0 : count - 1);
    else if (Math.abs(steps) === 1) this.#activate((this.#active + steps + count) % count);
    else this.#activate(Math.min(count - 1, Math.max(0, this.#active + steps)));
    return true;
  }

  choiceAt(target) {
    return this.#options.find(({ option }) => option.contains(target))?.choice;
  }

  #activate(index) {
    this.#options[this.#active]?.option.classList.remove("active");
    this.#active = index;
    const option = this.#options[index]?.option;
    if (!option) return this.input.removeAttribute("aria-activedescendant");
    option.classList.add("active");
    this.input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }
}
