// The tile of one image: a pattern of unknown tokens, then previews, then the image.
import { element, icon } from "../element.js";
import { beforeImage } from "./wipe.js";

/** Images smaller than this are enlarged without blurring. */
export const SMALL_PIXELS = 128;

export function describeImage({ parameters, seed, index, numImages }) {
  const name = parameters.class_name ?? "no class";
  return numImages > 1 ? `${name}, seed ${seed}, image ${index}` : `${name}, seed ${seed}`;
}

export class Tile {
  #shown = element("img", { alt: "", hidden: true });

  constructor() {
    this.root = element("div", { className: "tile waiting" }, this.#shown);
  }

  preview({ content_type: type, base64 }) {
    this.#show(`data:${type};base64,${base64}`);
  }

  /** Shows the finished image as a button that opens its details; below an edited one, a button edits it further. */
  finish(image, url, { onOpen, onEdit }) {
    this.#show(url);
    this.root.classList.remove("waiting");
    this.root.classList.add("done");
    this.#shown.alt = describeImage(image);
    const button = element("button", { type: "button", className: "open" }, this.#shown, beforeImage(image));
    button.addEventListener("click", () => onOpen(image));
    this.root.replaceChildren(button);
    if (image.body.image) this.root.append(editButton(image, onEdit));
  }

  /** Stops waiting; the last preview stays. */
  stop({ isFaded = true } = {}) {
    this.root.classList.remove("waiting");
    this.root.classList.toggle("stopped", isFaded);
  }

  #show(url) {
    this.#shown.src = url;
    this.#shown.hidden = false;
    markSmall(this.#shown);
  }
}

function editButton(image, onEdit) {
  const button = element("button", { type: "button", className: "small edit-again" }, icon("brush"), "Edit");
  button.setAttribute("aria-label", `Edit ${describeImage(image)}`);
  button.addEventListener("click", () => onEdit(image));
  return button;
}

/** Keeps the pixels of a small image crisp. */
export function markSmall(image) {
  const mark = () => image.classList.toggle("crisp", image.naturalWidth < SMALL_PIXELS);
  if (image.complete && image.naturalWidth > 0) mark();
  else image.addEventListener("load", mark, { once: true });
}
