import { element } from "../element.js";
import { wordsFor } from "../form/words.js";

/** Class, seed, model and every sampling parameter of an image, as a list. */
export function factsOf({ parameters, seed, index, numImages, model, preset, width, height, madeAt }) {
  const { class: classIndex, class_name: className, ...sampling } = parameters;
  const facts = [
    ["Class", classIndex === null ? "none" : `${className} (${classIndex})`],
    ["Seed", numImages > 1 ? `${seed}, image ${index}` : String(seed)],
    ["Model", model],
    ...(preset ? [["Preset", preset]] : []),
    ...Object.entries(sampling).map(([name, value]) => [wordsFor(name, {}).label, String(value)]),
    ["Size", `${width} × ${height}`],
    ["Generated", new Date(madeAt).toLocaleString()],
  ];
  return facts.map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })),
  );
}
