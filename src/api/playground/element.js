// Creates and finds elements. Text is always set as text, never as HTML.

export const byId = (id) => document.getElementById(id);

/** Creates an element with properties (`data` and `aria` are objects) and children (elements or strings). */
export function element(tag, { data = {}, aria = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A decorative icon from icons.svg; its meaning must also be in text. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `playground/icons.svg#${name}`);
  svg.append(use);
  return svg;
}
