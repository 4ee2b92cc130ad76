// All pictures made here: newest first, each opening its details.
import { confirmed } from "../confirm.js";
import { byId, element, icon } from "../element.js";
import { describePicture, markSmall } from "../stage/tile.js";
import { MOST_PICTURES, PictureStore } from "./store.js";

export class Gallery {
  #store = new PictureStore();
  #pictures = [];
  #urls = new Map();
  #figures = new Map();
  /** Tells this page in other tabs, which keep the same pictures, that there are others now. */
  #tabs = new BroadcastChannel("marimba.gallery");
  /** Counts this tab's own changes. */
  #changes = 0;
  #removals = 0;

  /** `onOpen(picture)` is told which picture was chosen. */
  constructor(onOpen) {
    this.onOpen = onOpen;
    byId("clear").addEventListener("click", () => this.#clear());
    this.#tabs.addEventListener("message", () => this.#readAgain());
  }

  get pictures() {
    return this.#pictures;
  }

  async load() {
    this.#pictures = await this.#store.open();
    byId("gallery-grid").replaceChildren(...this.#pictures.map((picture) => this.#figure(picture)));
    this.#count();
  }

  /** Newly made pictures of one request, or some that are taken up again and may be here already. */
  async add(pictures) {
    this.#changes++;
    this.#drop(pictures);
    this.#pictures.unshift(...pictures);
    byId("gallery-grid").prepend(...pictures.map((picture) => this.#figure(picture)));
    const surplus = this.#pictures.slice(MOST_PICTURES);
    this.#drop(surplus);
    await this.#store.add(pictures);
    await this.#remove(surplus);
  }

  async remove(picture) {
    await this.#remove([picture]);
  }

  /** Where the picture's bytes can be shown from. */
  urlOf({ id, blob }) {
    if (!this.#urls.has(id)) this.#urls.set(id, URL.createObjectURL(blob));
    return this.#urls.get(id);
  }

  async #clear() {
    await this.#readAgain();
    // Those that the question speaks of, and none that come while it stands.
    const asked = [...this.#pictures];
    const count = asked.length;
    const sentence = `${count} ${count === 1 ? "picture is" : "pictures are"} kept in this browser and nowhere else.`;
    if (!(await confirmed("Delete all pictures?", sentence, "Delete all"))) return;
    await this.#remove(asked);
  }

  async #remove(pictures) {
    this.#changes++;
    this.#drop(pictures);
    this.#removals++;
    await this.#store.remove(pictures.map(({ id }) => id));
    this.#removals--;
    // The number falls when all are gone for good: a reload before may bring them back.
    if (this.#removals === 0) this.#count();
    this.#tabs.postMessage("changed");
  }

  /** Shows what is kept now, whichever tab made or deleted it. */
  async #readAgain() {
    const before = this.#changes;
    const kept = await this.#store.read();
    if (!kept) return;
    // What was read may lack this tab's own change.
    if (this.#changes !== before) return this.#readAgain();
    const ids = new Set(kept.map(({ id }) => id));
    this.#drop(this.#pictures.filter(({ id }) => !ids.has(id)));
    this.#pictures = kept;
    let next = null;
    for (const picture of kept.toReversed()) {
      const known = this.#figures.get(picture.id);
      const figure = known ?? this.#figure(picture);
      // Moved, a figure would lose the focus.
      if (!known) byId("gallery-grid").insertBefore(figure, next);
      next = figure;
    }
    this.#count();
  }

  #drop(pictures) {
    const gone = new Set(pictures.map(({ id }) => id));
    this.#pictures = this.#pictures.filter(({ id }) => !gone.has(id));
    for (const id of gone) {
      this.#figures.get(id)?.remove();
      this.#figures.delete(id);
      // The stage may still show it: the bytes go with the page.
    }
  }

  #figure(picture) {
    const image = element("img", { src: this.urlOf(picture), alt: describePicture(picture), loading: "lazy" });
    markSmall(image);
    const open = element("button", { type: "button", className: "open", aria: { keyshortcuts: "Delete" } }, image);
    open.addEventListener("click", () => this.onOpen(picture));
    open.addEventListener("keydown", (event) => {
      if (event.key === "Delete") this.#removeAndGoOn(picture);
    });
    const remove = element(
      "button",
      { type: "button", className: "remove", tabIndex: -1, title: "Delete" },
      icon("close"),
    );
    remove.setAttribute("aria-label", `Delete ${describePicture(picture)}`);
    remove.addEventListener("click", () => this.#removeAndGoOn(picture));
    const { name, which } = captionOf(picture);
    const caption = element(
      "figcaption",
      { aria: { hidden: "true" }, title: `${name} · ${which}` },
      element("span", { textContent: name }),
      element("span", { textContent: which }),
    );
    const figure = element("figure", { className: "kept" }, open, remove, caption);
    this.#figures.set(picture.id, figure);
    return figure;
  }

  #removeAndGoOn(picture) {
    const figure = this.#figures.get(picture.id);
    const next = figure.nextElementSibling ?? figure.previousElementSibling;
    this.remove(picture);
    (next?.querySelector("button") ?? byId("gallery-title")).focus();
  }

  #count() {
    const count = this.#pictures.length;
    byId("gallery").hidden = count === 0;
    const where = this.#store.isLasting ? "kept in this browser" : "kept until this page closes";
    byId("gallery-count").textContent = `${count} of at most ${MOST_PICTURES}, ${where}`;
  }
}

function captionOf({ parameters, seed, index, numImages, note }) {
  const which = `${note ?? seed}${numImages > 1 ? `/${index}` : ""}`;
  return { name: parameters.class_name ?? "no class", which };
}
