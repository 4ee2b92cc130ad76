// A number as a slider and as text: the slider to explore, the text for exact values.
import { element } from "../element.js";

/** From this ratio of largest to smallest value on, the slider's scale is logarithmic. */
const RATIO_SCALE_FROM = 50;
const POSITIONS = 1000;
const SLIDER_STEPS = [0.01, 0.05, 0.1, 0.5, 1];

/** A number as text only; the arrow keys count up and down. */
export function numberText(id, schema) {
  const text = element("input", { id, type: "text", inputMode: "numeric", autocomplete: "off" });
  let listener = () => {};
  countByKeys(
    text,
    text,
    () => scaleOf(schema),
    (value) => {
      text.value = String(value);
      listener(value);
    },
  );
  text.addEventListener("input", () => listener(readNumber(text.value)));
  return {
    control: text,
    body: text,
    show(value) {
      text.value = value === undefined ? "" : String(value);
    },
    onInput: (onInput) => (listener = onInput),
  };
}

/** A number as slider and text, with the schema's bounds: an input for `ParameterField`. */
export function numberInput(id, label, schema) {
  const text = element("input", { id, type: "text", inputMode: "decimal", autocomplete: "off" });
  text.placeholder = "default";
  const slider = element("input", {
    type: "range",
    min: 0,
    max: POSITIONS,
    step: 1,
    aria: { label: `${label}, slider` },
  });
  let scale = scaleOf(schema);
  let listener = () => {};

  function showOnSlider(value) {
    slider.value = typeof value === "number" ? scale.toPosition(value) : 0;
    slider.style.setProperty("--filled", `${(slider.value / POSITIONS) * 100}%`);
    slider.setAttribute("aria-valuetext", String(value ?? "default"));
  }
  function slideTo(value) {
    text.value = String(value);
    showOnSlider(value);
    listener(value);
  }
  text.addEventListener("input", () => {
    const value = readNumber(text.value);
    showOnSlider(value);
    listener(value);
  });
  slider.addEventListener("input", () => slideTo(scale.toValue(Number(slider.value))));
  countByKeys(slider, text, () => scale, slideTo);
  countByKeys(text, text, () => scale, slideTo);
  return {
    control: text,
    beside: text,
    body: slider,
    show(value) {
      text.value = value === undefined ? "" : String(value);
      showOnSlider(value);
    },
    onInput: (onInput) => (listener = onInput),
    limit(newer) {
      scale = scaleOf(newer);
      showOnSlider(readNumber(text.value));
    },
  };
}

function countByKeys(control, text, scaleNow, take) {
  const sideways = control === text ? {} : { ArrowLeft: -1, ArrowRight: 1 };
  control.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10, ...sideways }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    const scale = scaleNow();
    const now = readNumber(text.value);
    take(scale.round((typeof now === "number" ? now : scale.minimum) + steps * scale.step));
  });
}

/** Longer than any valid number. */
const LONGEST_TEXT = 40;

/** The number in a text if it can be represented exactly; otherwise the text, so that the server can report it. */
export function readNumber(text) {
  const trimmed = text.trim();
  if (trimmed.length > LONGEST_TEXT) return `${trimmed.slice(0, LONGEST_TEXT)}…`;
  return /^-?\d{1,16}(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
}

function scaleOf({ type, minimum = 0, exclusiveMinimum, maximum }) {
  const step = type === "integer" ? 1 : SLIDER_STEPS.find((step) => (maximum - minimum) / step <= 200);
  if (exclusiveMinimum !== undefined) return scaleOf({ type, minimum: exclusiveMinimum + step, maximum });
  const byRatio = minimum > 0 && maximum / minimum >= RATIO_SCALE_FROM;
  const span = byRatio ? Math.log(maximum / minimum) : maximum - minimum;
  const round = (value) => {
    const rounded = Number((Math.round(value / step) * step).toFixed(2));
    return Math.min(maximum, Math.max(minimum, rounded));
  };
  return {
    minimum,
    step,
    round,
    toPosition(value) {
      const bounded = Math.min(maximum, Math.max(minimum, value));
      return Math.round(POSITIONS * ((byRatio ? Math.log(bounded / minimum) : bounded - minimum) / span));
    },
    toValue(position) {
      const share = (position / POSITIONS) * span;
      return round(byRatio ? minimum * Math.exp(share) : minimum + share);
    },
  };
}
