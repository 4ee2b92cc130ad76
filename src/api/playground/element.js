// Makes and finds elements; texts are always set as text.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`data` and `aria` as objects of their own) and children, which are elements or texts. */
export function element(tag, { data = {}, aria = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A symbol of the page's own set; the text beside it says what it means. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/playground/icons.svg#${name}`);
  svg.append(use);
  return svg;
}
