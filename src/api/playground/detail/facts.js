import { element } from "../element.js";
import { wordsFor } from "../form/words.js";

/** Class, seed, model and every sampling parameter of an image, as a list. */
export function factsOf({ parameters, seed, index, numImages, model, preset, width, height, madeAt, body }) {
  const { class: classIndex, class_name: className, ...sampling } = parameters;
  const facts = [
    ["Class", classIndex === null ? "none" : `${className} (${classIndex})`],
    ["Seed", numImages > 1 ? `${seed}, image ${index}` : String(seed)],
    ["Model", model],
    ...(preset ? [["Preset", preset]] : []),
    ...Object.entries(sampling).map(([name, value]) => [wordsFor(name, {}).label, String(value)]),
    ...editFacts(body),
    ["Size", `${width} × ${height}`],
    ["Generated", new Date(madeAt).toLocaleString()],
  ];
  return facts.map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })),
  );
}

function editFacts({ image, mask, extend, ...fields }) {
  if (!image) return [];
  const set = ["strength", "mask_grow", "feather"].filter((name) => fields[name] !== undefined);
  return [
    ["Edit", extend ? "outpainting" : mask ? "inpainting" : "variation"],
    ...set.map((name) => [wordsFor(name, {}).label, String(fields[name])]),
  ];
}
