import { element } from "../element.js";

/** At most this many classes get tiles. */
const MOST_TILES = 24;

/** A tile with a sample image for each class; undefined if there are too many classes or no samples. */
export function classTiles(source, onChoose) {
  if (!source.hasSamples || source.all.length > MOST_TILES || source.model.class_count > MOST_TILES) return undefined;
  const radios = new Map();
  const root = element("div", {
    className: "tiles",
    role: "radiogroup",
    aria: { label: "Sample images of the classes" },
  });
  for (const one of source.all) {
    const value = source.valueOf(one);
    const radio = element("input", { type: "radio", name: "class-tile" });
    radio.setAttribute("aria-label", one.name);
    radio.addEventListener("change", () => onChoose({ label: one.name, index: one.index, value }));
    const thumb = element("span", { className: "thumb" });
    source.paint(thumb, one.index);
    root.append(element("label", { title: one.name }, radio, thumb));
    radios.set(value, radio);
  }
  return {
    root,
    check(value) {
      for (const [of, radio] of radios) radio.checked = of === value;
    },
  };
}
