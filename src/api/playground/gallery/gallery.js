// All images generated here, newest first; each opens its details.
import { confirmed } from "../confirm.js";
import { byId, element, icon } from "../element.js";
import { describeImage, markSmall } from "../stage/tile.js";
import { ImageStore, MAX_IMAGES } from "./store.js";

export class Gallery {
  #store = new ImageStore();
  #images = [];
  #urls = new Map();
  #figures = new Map();
  /** Notifies other tabs of this page, which share the stored images, of changes. */
  #tabs = new BroadcastChannel("marimba.gallery");
  /** Number of this tab's own changes. */
  #changes = 0;
  #removals = 0;

  /** Calls `onOpen(image)` when the user chooses an image. */
  constructor(onOpen) {
    this.onOpen = onOpen;
    byId("clear").addEventListener("click", () => this.#clear());
    this.#tabs.addEventListener("message", () => this.#readAgain());
  }

  get images() {
    return this.#images;
  }

  async load() {
    this.#images = await this.#store.open();
    byId("gallery-grid").replaceChildren(...this.#images.map((image) => this.#figure(image)));
    this.#count();
  }

  /** Adds the images of one request; after a resume, some may be here already. */
  async add(images) {
    this.#changes++;
    this.#drop(images);
    this.#images.unshift(...images);
    byId("gallery-grid").prepend(...images.map((image) => this.#figure(image)));
    const surplus = this.#images.slice(MAX_IMAGES);
    this.#drop(surplus);
    await this.#store.add(images);
    await this.#remove(surplus);
  }

  async remove(image) {
    await this.#remove([image]);
  }

  /** A URL of the image's bytes. */
  urlOf({ id, blob }) {
    if (!this.#urls.has(id)) this.#urls.set(id, URL.createObjectURL(blob));
    return this.#urls.get(id);
  }

  async #clear() {
    await this.#readAgain();
    // Delete only the images that the question counted, not those added meanwhile.
    const asked = [...this.#images];
    const count = asked.length;
    const sentence = `${count} ${count === 1 ? "image is" : "images are"} stored in this browser only.`;
    if (!(await confirmed("Delete all images?", sentence, "Delete all"))) return;
    await this.#remove(asked);
  }

  async #remove(images) {
    this.#changes++;
    this.#drop(images);
    this.#removals++;
    await this.#store.remove(images.map(({ id }) => id));
    this.#removals--;
    // Update the count only once all are deleted: until then a reload could bring them back.
    if (this.#removals === 0) this.#count();
    this.#tabs.postMessage("changed");
  }

  /** Shows the stored images, including the changes of other tabs. */
  async #readAgain() {
    const before = this.#changes;
    const kept = await this.#store.read();
    if (!kept) return;
    // The images read may lack this tab's own change.
    if (this.#changes !== before) return this.#readAgain();
    const ids = new Set(kept.map(({ id }) => id));
    this.#drop(this.#images.filter(({ id }) => !ids.has(id)));
    this.#images = kept;
    let next = null;
    for (const image of kept.toReversed()) {
      const known = this.#figures.get(image.id);
      const figure = known ?? this.#figure(image);
      // Moving a figure would lose the focus.
      if (!known) byId("gallery-grid").insertBefore(figure, next);
      next = figure;
    }
    this.#count();
  }

  #drop(images) {
    const gone = new Set(images.map(({ id }) => id));
    this.#images = this.#images.filter(({ id }) => !gone.has(id));
    for (const id of gone) {
      this.#figures.get(id)?.remove();
      this.#figures.delete(id);
      // The stage may still show the image, so its URL is not revoked.
    }
  }

  #figure(image) {
    const shown = element("img", { src: this.urlOf(image), alt: describeImage(image), loading: "lazy" });
    markSmall(shown);
    const open = element("button", { type: "button", className: "open", aria: { keyshortcuts: "Delete" } }, shown);
    open.addEventListener("click", () => this.onOpen(image));
    open.addEventListener("keydown", (event) => {
      if (event.key === "Delete") this.#removeAndFocusNext(image);
    });
    const remove = element(
      "button",
      { type: "button", className: "remove", tabIndex: -1, title: "Delete" },
      icon("close"),
    );
    remove.setAttribute("aria-label", `Delete ${describeImage(image)}`);
    remove.addEventListener("click", () => this.#removeAndFocusNext(image));
    const { name, which } = captionOf(image);
    const caption = element(
      "figcaption",
      { aria: { hidden: "true" }, title: `${name} · ${which}` },
      element("span", { textContent: name }),
      element("span", { textContent: which }),
    );
    const figure = element("figure", { className: "kept" }, open, remove, caption);
    this.#figures.set(image.id, figure);
    return figure;
  }

  #removeAndFocusNext(image) {
    const figure = this.#figures.get(image.id);
    const next = figure.nextElementSibling ?? figure.previousElementSibling;
    this.remove(image);
    (next?.querySelector("button") ?? byId("gallery-title")).focus();
  }

  #count() {
    const count = this.#images.length;
    byId("gallery").hidden = count === 0;
    const where = this.#store.isLasting ? "stored in this browser" : "kept until this page closes";
    byId("gallery-count").textContent = `${count} of at most ${MAX_IMAGES} images, ${where}`;
  }
}

function captionOf({ parameters, seed, index, numImages, note }) {
  const which = `${note ?? seed}${numImages > 1 ? `/${index}` : ""}`;
  return { name: parameters.class_name ?? "no class", which };
}
