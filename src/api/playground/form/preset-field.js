import { element } from "../element.js";
import { choiceInput } from "./choice-input.js";
import { Field } from "./field.js";

const NONE = "defaults";

/** The model's presets, with their descriptions and measured quality. */
export class PresetField extends Field {
  constructor(model, onChange) {
    const names = Object.keys(model.presets);
    const input = choiceInput("preset", model.default_preset ? names : [NONE, ...names]);
    super("preset", { label: "Preset", hint: "" }, input.control, input.body);
    this.model = model;
    this.input = input;
    this.hint = this.root.querySelector(".hint");
    this.set(undefined);
    input.onInput((name) => {
      this.#choose(name);
      onChange(this.parameters);
    });
  }

  /** The request's value; undefined for the default. */
  get own() {
    return this.chosen === NONE || this.chosen === this.model.default_preset ? undefined : this.chosen;
  }

  /** The chosen preset's own parameters. */
  get parameters() {
    return this.model.presets[this.chosen]?.parameters ?? {};
  }

  set(name) {
    const known = Object.hasOwn(this.model.presets, name ?? "") ? name : (this.model.default_preset ?? NONE);
    this.input.show(known);
    this.#choose(known);
  }

  #choose(name) {
    this.chosen = name;
    this.clearError();
    const preset = this.model.presets[name];
    const quality =
      preset?.quality && element("span", { className: "quality", textContent: describeQuality(preset.quality) });
    this.hint.replaceChildren(
      preset?.description ?? "The default parameters of the model.",
      ...(quality ? [" ", quality] : []),
    );
  }
}

/** The measured quality in the manifest; only distance and count are always present. */
function describeQuality({ speed, frechet_distance: distance, images, ...rest }) {
  const named = { "Inception score": rest.inception_score, precision: rest.precision, recall: rest.recall };
  const scores = Object.entries(named).filter(([, score]) => score !== undefined);
  return [
    ...(speed === undefined || speed === 1 ? [] : [`${speed} times as fast as exact`]),
    `Fréchet distance ${distance} (lower is better)`,
    ...(scores.length > 0 ? [`${scores.map((score) => score.join(" ")).join(", ")} (higher is better)`] : []),
    `measured over ${images} images.`,
  ].join(" · ");
}
