import { element } from "../element.js";

/** Up to so many classes stand side by side. */
const MOST_TILES = 24;

/** All classes as pictures to choose from; undefined where there are too many or no samples. */
export function classTiles(source, onChoose) {
  if (!source.hasSamples || source.all.length > MOST_TILES || source.model.class_count > MOST_TILES) return undefined;
  const radios = new Map();
  const root = element("div", { className: "tiles", role: "radiogroup", aria: { label: "Classes by picture" } });
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
