// The details of one image: its parameters, its timings, and programs that generate it again.
import { byId, element } from "../element.js";
import { describeImage, markSmall } from "../stage/tile.js";
import { addWipe, beforeImage } from "../stage/wipe.js";
import { factsOf } from "./facts.js";
import { fileName, sourceFiles } from "./file-name.js";
import { LANGUAGES } from "./snippets.js";
import { timingsOf } from "./timings.js";

const COPIED_MS = 1500;

export class Detail {
  #dialog = byId("detail");
  #image;
  #language = LANGUAGES[0][0];

  /** The gallery has the images in order; `onAgain(body)` fills the form, `onEdit(image)` opens the editor. */
  constructor(gallery, onAgain, onEdit) {
    this.gallery = gallery;
    byId("detail-left").addEventListener("click", () => this.#go(-1));
    byId("detail-right").addEventListener("click", () => this.#go(1));
    byId("detail-delete").addEventListener("click", () => this.#delete());
    byId("detail-again").addEventListener("click", () => {
      this.#dialog.close();
      onAgain(this.#image.body);
    });
    byId("detail-edit").addEventListener("click", () => {
      this.#dialog.close();
      onEdit(this.#image);
    });
    byId("copy").addEventListener("click", () => this.#copy());
    // Browsers allow the clipboard only on https and localhost.
    byId("copy").hidden = !navigator.clipboard;
    this.#dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#makeTabs();
  }

  open(image) {
    this.#image = image;
    const shown = byId("detail-image");
    shown.src = this.gallery.urlOf(image);
    shown.alt = describeImage(image);
    markSmall(shown);
    shown.parentElement.replaceChildren(shown, ...[beforeImage(image)].filter(Boolean));
    addWipe(byId("detail-wipe"), shown.parentElement, [image]);
    byId("detail-title").textContent = image.parameters.class_name ?? "No class";
    byId("facts").replaceChildren(...factsOf(image));
    byId("timings").replaceChildren(...timingsOf(image.timing));
    const link = byId("download");
    link.href = this.gallery.urlOf(image);
    link.download = fileName(image);
    this.#showSnippet();
    const at = this.#at();
    // A disabled button would lose the focus, and the dialog its keys.
    byId("detail-left").setAttribute("aria-disabled", String(at <= 0));
    byId("detail-right").setAttribute("aria-disabled", String(at < 0 || at === this.gallery.images.length - 1));
    if (!this.#dialog.open) {
      this.#dialog.showModal();
      this.#dialog.scrollTop = 0;
    }
  }

  #at() {
    return this.gallery.images.findIndex(({ id }) => id === this.#image.id);
  }

  #go(steps) {
    const next = this.gallery.images[this.#at() + steps];
    if (next) this.open(next);
  }

  #onKey(event) {
    // The tabs and the code use these keys themselves.
    if (event.target.closest("[role=tablist], pre")) return;
    if (event.key === "ArrowLeft") this.#go(-1);
    else if (event.key === "ArrowRight") this.#go(1);
  }

  #delete() {
    const at = this.#at();
    this.gallery.remove(this.#image);
    const next = this.gallery.images[Math.min(at, this.gallery.images.length - 1)];
    if (next) this.open(next);
    else this.#dialog.close();
  }

  #makeTabs() {
    const list = byId("languages");
    // The keyboard can scroll long lines only if the code can have the focus.
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
      if (this.#image) this.#showSnippet();
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
    byId("snippet-code").textContent = write(this.#image);
    const links = Object.entries(sourceFiles(this.#image)).flatMap(([field, file]) => [
      " ",
      element("a", { href: this.#image.body[field], download: file, textContent: file }),
    ]);
    byId("snippet-files").replaceChildren(...(links.length > 0 ? ["The programs read these files:", ...links] : []));
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
