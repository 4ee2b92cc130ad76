// One picture's details: what made it, where the time went, and how to have it again.
import { byId, element } from "../element.js";
import { describePicture, markSmall } from "../stage/tile.js";
import { factsOf } from "./facts.js";
import { fileName } from "./file-name.js";
import { LANGUAGES } from "./snippets.js";
import { timingsOf } from "./timings.js";

const COPIED_MS = 1500;

export class Detail {
  #dialog = byId("detail");
  #picture;
  #language = LANGUAGES[0][0];

  /** The gallery has the pictures in their order; `onAgain(body)` fills the form. */
  constructor(gallery, onAgain) {
    this.gallery = gallery;
    byId("detail-left").addEventListener("click", () => this.#go(-1));
    byId("detail-right").addEventListener("click", () => this.#go(1));
    byId("detail-delete").addEventListener("click", () => this.#delete());
    byId("detail-again").addEventListener("click", () => {
      this.#dialog.close();
      onAgain(this.#picture.body);
    });
    byId("copy").addEventListener("click", () => this.#copy());
    // Browsers give pages the clipboard only on https and localhost.
    byId("copy").hidden = !navigator.clipboard;
    this.#dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#makeTabs();
  }

  open(picture) {
    this.#picture = picture;
    const image = byId("detail-image");
    image.src = this.gallery.urlOf(picture);
    image.alt = describePicture(picture);
    markSmall(image);
    byId("detail-title").textContent = picture.parameters.class_name ?? "No class";
    byId("facts").replaceChildren(...factsOf(picture));
    byId("timings").replaceChildren(...timingsOf(picture.timing));
    const link = byId("download");
    link.href = this.gallery.urlOf(picture);
    link.download = fileName(picture);
    this.#showSnippet();
    const at = this.#at();
    // Not disabled: a button that is loses the focus, and the dialog its keys.
    byId("detail-left").setAttribute("aria-disabled", String(at <= 0));
    byId("detail-right").setAttribute("aria-disabled", String(at < 0 || at === this.gallery.pictures.length - 1));
    if (!this.#dialog.open) {
      this.#dialog.showModal();
      this.#dialog.scrollTop = 0;
    }
  }

  #at() {
    return this.gallery.pictures.findIndex(({ id }) => id === this.#picture.id);
  }

  #go(steps) {
    const next = this.gallery.pictures[this.#at() + steps];
    if (next) this.open(next);
  }

  #onKey(event) {
    // In the tabs and in text these keys have other work.
    if (event.target.closest("[role=tablist], pre")) return;
    if (event.key === "ArrowLeft") this.#go(-1);
    else if (event.key === "ArrowRight") this.#go(1);
  }

  #delete() {
    const at = this.#at();
    this.gallery.remove(this.#picture);
    const next = this.gallery.pictures[Math.min(at, this.gallery.pictures.length - 1)];
    if (next) this.open(next);
    else this.#dialog.close();
  }

  #makeTabs() {
    const list = byId("languages");
    // A long line is read by scrolling, which the keyboard can do only where the focus is.
    byId("snippet").tabIndex = 0;
    const tabs = LANGUAGES.map(([id, name]) =>
      element("button", {
        type: "button",
        role: "tab",
        id: `tab-${id}`,
        textContent: name,
        aria: { controls: "snippet" },
      }),
    );
    const choose = (index, focus) => {
      this.#language = LANGUAGES[index][0];
      for (const [i, tab] of tabs.entries()) {
        tab.setAttribute("aria-selected", String(i === index));
        tab.tabIndex = i === index ? 0 : -1;
      }
      byId("snippet").setAttribute("aria-labelledby", tabs[index].id);
      if (focus) tabs[index].focus();
      if (this.#picture) this.#showSnippet();
    };
    for (const [i, tab] of tabs.entries()) {
      tab.addEventListener("click", () => choose(i, true));
      tab.addEventListener("keydown", ({ key }) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (step) choose((i + step + tabs.length) % tabs.length, true);
      });
    }
    list.replaceChildren(...tabs);
    choose(0, false);
  }

  #showSnippet() {
    const [, , write] = LANGUAGES.find(([id]) => id === this.#language);
    byId("snippet-code").textContent = write(this.#picture);
  }

  async #copy() {
    const label = byId("copy-label");
    await navigator.clipboard.writeText(byId("snippet-code").textContent);
    label.textContent = byId("copied").textContent = "Copied";
    setTimeout(() => {
      label.textContent = "Copy";
      byId("copied").textContent = "";
    }, COPIED_MS);
  }
}
