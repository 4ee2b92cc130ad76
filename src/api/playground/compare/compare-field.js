import { byId, element } from "../element.js";
import { Field } from "../form/field.js";
import { comparable, readValues } from "./values.js";

/** The parameter to vary, and its values. */
export class CompareField {
  #list = [];

  constructor(onChange) {
    this.select = element("select", { id: "vary" });
    this.parameter = new Field(
      "vary",
      { label: "Parameter to vary", hint: "The seed and everything else stay the same." },
      this.select,
      element("div", { className: "select" }, this.select),
    );
    const input = element("input", { id: "values", type: "text", autocomplete: "off" });
    this.values = new Field("values", { label: "Values", hint: "Separated by commas." }, input, input);
    byId("compare-place").replaceChildren(this.parameter.root, this.values.root);
    this.select.addEventListener("change", () => {
      this.#suggest();
      onChange();
    });
    input.addEventListener("input", () => {
      this.values.clearError();
      onChange();
    });
  }

  setModel(model, fields) {
    const before = this.select.value;
    this.#list = comparable(model, fields);
    this.select.replaceChildren(...this.#list.map(({ name, label }) => new Option(label, name)));
    const first = this.#list.some(({ name }) => name === before) ? before : "guidance_scale";
    this.select.value = this.#list.some(({ name }) => name === first) ? first : this.#list[0].name;
    this.#suggest();
  }

  get varied() {
    return this.#list.find(({ name }) => name === this.select.value);
  }

  /** `{values}` or `{problem}`. */
  read() {
    return readValues(this.values.control.value, this.varied);
  }

  /** Restores the fields of an earlier comparison. */
  fill({ name, values }) {
    if (!this.#list.some((parameter) => parameter.name === name)) return;
    this.select.value = name;
    this.values.control.value = values.join(", ");
  }

  showProblem(sentence) {
    this.values.showError(sentence);
    this.values.focus();
  }

  #suggest() {
    this.values.clearError();
    this.values.control.value = this.varied.suggested.join(", ");
  }
}
