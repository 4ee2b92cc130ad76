import { element } from "../element.js";
import { Field } from "./field.js";

/** The served models. If there is only one, shows only its description. */
export class ModelField extends Field {
  #accepted;

  constructor({ models, default: standard }, onChange) {
    const select = element("select", { id: "model" });
    for (const { id } of models) select.append(new Option(id, id, false, id === standard));
    super("model", { label: "Model", hint: "" }, select, element("div", { className: "select" }, select));
    this.models = models;
    this.onChange = onChange;
    this.hint = this.root.querySelector(".hint");
    this.root.classList.toggle("single", models.length === 1);
    select.addEventListener("change", () => this.#change());
  }

  get model() {
    return this.#accepted;
  }

  get chosen() {
    return this.models.find(({ id }) => id === this.control.value);
  }

  isChosen(model) {
    return this.chosen === model;
  }

  choose(model) {
    this.control.value = model.id;
  }

  accept(model) {
    this.#accepted = model;
    this.clearError();
    const size = `${model.image_width} × ${model.image_height} pixels, ${model.token_count} tokens`;
    this.hint.replaceChildren(
      element("span", { textContent: model.description ?? "" }),
      element("span", { textContent: size }),
    );
  }

  /** Returns to the previous model if the classes of the new one cannot be loaded. */
  async #change() {
    const model = this.chosen;
    try {
      await this.onChange(model);
    } catch (error) {
      if (!this.isChosen(model)) return;
      if (this.#accepted) this.choose(this.#accepted);
      this.showError(error.message);
    }
  }
}
