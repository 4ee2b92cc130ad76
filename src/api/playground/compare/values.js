// Which parameter a comparison varies, over which values.
import { choicesOf } from "../form/choice-input.js";
import { parametersOf } from "../form/form.js";
import { readNumber } from "../form/number-input.js";
import { wordsFor } from "../form/words.js";

export const MOST_VALUES = 12;

/** Suggested values; those outside the bounds are left out. */
const SUGGESTED = {
  steps: [8, 16, 32, 64, 128, 256],
  guidance_scale: [1, 2, 3, 4, 5],
  temperature: [0.7, 0.85, 1, 1.15],
  diffusion_steps: [5, 10, 25, 50, 100],
  diffusion_steps_final: [2, 5, 10, 25, 50],
  max_timestep: [800, 900, 940, 999],
};
const MOST_SUGGESTED = 5;

/** The parameters that can be varied: `{name, label, schema, suggested, names}`; `names` if only these words are values. */
export function comparable(model, fields) {
  const presets = Object.keys(model.presets);
  const list = presets.length > 1 ? [{ name: "preset", label: "Preset", suggested: presets, names: presets }] : [];
  for (const [name, schema] of Object.entries(parametersOf(model, fields))) {
    const names = choicesOf(schema);
    const suggested = (names ?? SUGGESTED[name] ?? spread(schema)).filter((value) => names || fits(value, schema));
    list.push({
      name,
      label: wordsFor(name, schema).label,
      schema,
      suggested: suggested.slice(-MOST_SUGGESTED),
      names,
    });
  }
  return list;
}

/** The values in a text, or the problem with it. */
export function readValues(text, { schema, names }) {
  const words = text.split(/[\s,;]+/).filter(Boolean);
  const values = [...new Set(words.map((word) => names?.find((name) => String(name) === word) ?? readNumber(word)))];
  if (values.length < 2) return { problem: "Enter at least two values, separated by commas." };
  if (values.length > MOST_VALUES) return { problem: `Enter at most ${MOST_VALUES} values, not ${values.length}.` };
  const wrong = values.find((value) => (names ? !names.includes(value) : !fits(value, schema)));
  if (wrong === undefined) return { values };
  const right = names
    ? `Choose from ${names.join(", ")}`
    : `Enter ${schema.type === "integer" ? "whole numbers" : "numbers"} from ${schema.minimum} to ${schema.maximum}`;
  return { problem: `“${wrong}” is not valid. ${right}.` };
}

function fits(value, { type, minimum, maximum }) {
  return (
    typeof value === "number" && value >= minimum && value <= maximum && (type !== "integer" || Number.isInteger(value))
  );
}

function spread({ type, minimum, maximum }) {
  const values = [0, 0.25, 0.5, 0.75, 1].map((share) => minimum + share * (maximum - minimum));
  return [...new Set(values.map((value) => (type === "integer" ? Math.round(value) : Number(value.toFixed(2)))))];
}
