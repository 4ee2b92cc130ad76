import { element } from "../element.js";

/** A choice among a few words, as a row of radio buttons: an input for `ParameterField`. */
export function choiceInput(id, values) {
  const group = element("div", { id, className: "segments", role: "radiogroup" });
  let listener = () => {};
  const radios = values.map((value) => {
    const radio = element("input", { type: "radio", name: id, value: String(value) });
    radio.addEventListener("change", () => listener(value));
    return radio;
  });
  const labels = values.map((value, i) =>
    element("label", {}, radios[i], element("span", { textContent: String(value) })),
  );
  group.append(...labels);
  return {
    control: group,
    body: group,
    show(value) {
      for (const [i, radio] of radios.entries()) radio.checked = values[i] === value;
    },
    onInput: (onInput) => (listener = onInput),
    /** Shows only the values that the schema has. */
    limit(schema) {
      const possible = choicesOf(schema);
      for (const [i, label] of labels.entries()) label.hidden = !possible.includes(values[i]);
    },
  };
}

/** The values of an enumeration or boolean schema; undefined for any other. */
export function choicesOf({ anyOf, enum: list, type }) {
  if (anyOf?.every((part) => "const" in part)) return anyOf.map((part) => part.const);
  if (list) return list;
  return type === "boolean" ? [true, false] : undefined;
}
