// The form: drawn from the server's description, converted to and from a request's body, and marked with errors.
import { byId, element } from "../element.js";
import { choiceInput, choicesOf } from "./choice-input.js";
import { ClassField } from "./class-field.js";
import { ClassSource } from "./class-source.js";
import { ParameterField } from "./field.js";
import { ModelField } from "./model-field.js";
import { numberInput, numberText } from "./number-input.js";
import { PresetField } from "./preset-field.js";
import { SeedField } from "./seed-field.js";
import { wordsFor } from "./words.js";

/** The schemas of the parameters that a model has, within its bounds. */
export function parametersOf(model, { num_images: _, seed: __, ...schemas }) {
  const bounds = {
    steps: model.step_bounds,
    reconstruction_steps: { maximum: model.token_count },
    guidance_steps: { maximum: model.token_count },
    sampler: { anyOf: model.samplers?.map((name) => ({ const: name })) },
    order: { anyOf: model.orders?.map((name) => ({ const: name })) },
  };
  // A causal model has one number of steps.
  const isFixed = (name) => name === "steps" && model.step_bounds.minimum === model.step_bounds.maximum;
  const own = Object.entries(schemas).filter(([name]) => model.parameters.includes(name) && !isFixed(name));
  return Object.fromEntries(own.map(([name, schema]) => [name, { ...schema, ...bounds[name] }]));
}

export class Form {
  /** Places outside the form that show the errors of fields, by the field's name. */
  elsewhere = new Map();
  #parameters = new Map();

  /** `description` comes from the server: the schemas of the fields, and samples. */
  constructor(description, modelList) {
    this.description = description;
    this.modelList = modelList;
    const { num_images: numImages, seed, ...parameters } = description.fields;
    this.modelField = new ModelField(modelList, (model) => this.useModel(model));
    this.classField = new ClassField();
    this.numImages = new ParameterField(
      "num_images",
      wordsFor("num_images", numImages),
      numberText("field-num_images", numImages),
    );
    this.numImages.setBase(1);
    this.seed = new SeedField(seed);
    for (const [name, schema] of Object.entries(parameters)) this.#parameters.set(name, parameterField(name, schema));
    this.output = fieldsWithDefaults(description.output);
    this.edit = fieldsWithDefaults(description.edit);
    byId("model-place").replaceChildren(this.modelField.root);
    byId("class-place").replaceChildren(this.classField.root);
    byId("count-place").replaceChildren(this.numImages.root, this.seed.root);
    byId("parameters").replaceChildren(...rootsOf(this.#parameters));
    byId("output-place").replaceChildren(...rootsOf(this.output));
    byId("edit-place").replaceChildren(...rootsOf(this.edit));
    byId("parameters").addEventListener("input", () => this.#summarize());
    byId("parameters").addEventListener("change", () => this.#summarize());
  }

  get model() {
    return this.modelField.model;
  }

  get parameterFields() {
    return this.#parameters;
  }

  /** Switches to a model once its classes are loaded. Throws the server's error and leaves the form as it was. */
  async useModel(model) {
    const source = await ClassSource.load(model, this.description.samples[model.id]);
    // Only the latest change counts.
    if (!this.modelField.isChosen(model)) return;
    this.modelField.accept(model);
    this.classField.setSource(source);
    this.preset = new PresetField(model, (parameters) => this.#usePreset(parameters));
    byId("preset-place").replaceChildren(...(Object.keys(model.presets).length > 0 ? [this.preset.root] : []));
    const schemas = parametersOf(model, this.description.fields);
    for (const [name, field] of this.#parameters) {
      field.root.hidden = !Object.hasOwn(schemas, name);
      if (!field.root.hidden) field.limit(schemas[name]);
      field.set(undefined);
    }
    this.#usePreset(this.preset.parameters);
    byId("form").dispatchEvent(new CustomEvent("model", { detail: model }));
  }

  /** Applies the preset's parameters; the others keep the user's values. */
  #usePreset(parameters) {
    for (const [name, field] of this.#parameters) {
      if (field.root.hidden) continue;
      if (Object.hasOwn(parameters, name)) field.set(undefined);
      field.setBase(parameters[name] ?? this.model.defaults[name]);
    }
    this.#summarize();
  }

  /** The shortest request body for the form's values; those of an edit are in `edit`. */
  read() {
    const body = { class: this.classField.value, seed: this.seed.take() };
    const rest = { num_images: this.numImages.own, preset: this.preset.own };
    if (this.model.id !== this.modelList.default) rest.model = this.model.id;
    for (const [name, field] of [...this.output, ...this.#parameters]) rest[name] = field.own;
    for (const [name, value] of Object.entries(rest)) if (value !== undefined) body[name] = value;
    return body;
  }

  /** Fills the form from a request's body and locks the seed. */
  async fill(body) {
    await this.useModelOf(body);
    this.classField.set(body.class);
    this.seed.set(body.seed);
    this.numImages.set(body.num_images);
    this.preset.set(body.preset);
    this.#usePreset(this.preset.parameters);
    for (const [name, field] of [...this.output, ...this.#parameters]) field.set(body[name]);
    this.#summarize();
  }

  /** Switches to the model of a request's body, if it is served. */
  async useModelOf(body) {
    const model = this.modelList.models.find(({ id }) => id === (body.model ?? this.modelList.default));
    if (!model || model === this.model) return;
    this.modelField.choose(model);
    await this.useModel(model);
  }

  /** Shows each error at its field and returns those without a field. */
  showErrors(errors) {
    const shown = [];
    const others = errors.filter(({ pointer, message }) => {
      const field = this.#fieldOf(pointer);
      if (!field) return true;
      field.showError(`${message[0].toUpperCase()}${message.slice(1)}.`.replace(/([.?])\.$/, "$1"));
      shown.push(field);
      return false;
    });
    shown[0]?.focus();
    return others;
  }

  clearErrors() {
    const fields = [this.classField, this.numImages, this.seed, this.preset];
    const lists = [this.#parameters, this.output, this.edit, this.elsewhere];
    for (const field of [...fields, ...lists.flatMap((list) => [...list.values()])]) field?.clearError();
  }

  #fieldOf(pointer) {
    const name = pointer.split("/")[1];
    const own = { class: this.classField, num_images: this.numImages, seed: this.seed, preset: this.preset };
    const lists = [this.#parameters, this.output, this.edit, this.elsewhere];
    return own[name] ?? lists.find((list) => list.has(name))?.get(name);
  }

  #summarize() {
    const shown = [...this.#parameters].filter(([, { root }]) => !root.hidden);
    const values = Object.fromEntries(shown.map(([name, field]) => [name, field.value]));
    const { steps, diffusion_steps: diffusionSteps, guidance_scale: guidance } = values;
    const counts = [
      steps === undefined ? "" : `${steps} steps`,
      diffusionSteps === undefined ? "" : `${diffusionSteps} diffusion steps`,
    ];
    const changed = [...this.#parameters.values()].filter(({ own }) => own !== undefined).length;
    byId("summary").replaceChildren(
      [...counts, `guidance ${guidance}`].filter(Boolean).join(" · "),
      ...(changed > 0 ? [element("span", { className: "badge", textContent: `${changed} changed` })] : []),
    );
  }
}

const rootsOf = (fields) => [...fields.values()].map(({ root }) => root);

/** Fields whose value does not depend on model and preset. A single choice is none. */
function fieldsWithDefaults(schemas) {
  const fields = new Map();
  for (const [name, schema] of Object.entries(schemas)) {
    if (choicesOf(schema)?.length === 1) continue;
    const field = parameterField(name, schema);
    field.setBase(schema.default);
    fields.set(name, field);
  }
  return fields;
}

function parameterField(name, schema) {
  const words = wordsFor(name, schema);
  const id = `field-${name}`;
  const choices = choicesOf(schema);
  return new ParameterField(name, words, choices ? choiceInput(id, choices) : numberInput(id, words.label, schema));
}
