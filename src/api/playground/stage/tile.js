// One picture's place: a pattern of unknown tokens, then what is known of it, then the picture itself.
import { element } from "../element.js";

/** Pictures smaller than this are enlarged without blurring. */
const SMALL_PIXELS = 128;

export function describePicture({ parameters, seed, index, numImages }) {
  const name = parameters.class_name ?? "no class";
  return numImages > 1 ? `${name}, seed ${seed}, image ${index}` : `${name}, seed ${seed}`;
}

export class Tile {
  #image = element("img", { alt: "", hidden: true });

  constructor() {
    this.root = element("div", { className: "tile waiting" }, this.#image);
  }

  preview({ content_type: type, base64 }) {
    this.#show(`data:${type};base64,${base64}`);
  }

  /** The finished picture, which opens its details. */
  finish(picture, url, onOpen) {
    this.#show(url);
    this.root.classList.remove("waiting");
    this.root.classList.add("done");
    this.#image.alt = describePicture(picture);
    const button = element("button", { type: "button", className: "open" }, this.#image);
    button.addEventListener("click", onOpen);
    this.root.replaceChildren(button);
  }

  /** Nothing more comes; what there is of the picture stays. */
  stop({ isFaded = true } = {}) {
    this.root.classList.remove("waiting");
    this.root.classList.toggle("stopped", isFaded);
  }

  #show(url) {
    this.#image.src = url;
    this.#image.hidden = false;
    markSmall(this.#image);
  }
}

/** Keeps the pixels of a small picture crisp. */
export function markSmall(image) {
  const mark = () => image.classList.toggle("crisp", image.naturalWidth < SMALL_PIXELS);
  if (image.complete && image.naturalWidth > 0) mark();
  else image.addEventListener("load", mark, { once: true });
}
