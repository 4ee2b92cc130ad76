// The editor: opens an image, and connects mask, brush, edges and fields. It shows which tokens the server will draw again.
import { byId } from "../element.js";
import { Brush } from "./brush.js";
import { addEdges, showEdges } from "./edges.js";
import { Paper } from "./paper.js";
import { DONE, describeExtension, describeTokens } from "./sentences.js";
import { Sketch } from "./sketch.js";
import { canKeep, decode, fitsExactly, readAsDataUrl, readMask, toBlob } from "./source.js";
import { gridOf } from "./tokens.js";

/** A new brush is this many tokens wide. */
const BRUSH_TOKENS = 1.5;

/** Where the form stands above the images; the page's style sheets say the same. */
const NARROW = matchMedia("(max-width: 56rem)");

const radios = (name) => [...document.getElementsByName(name)];

export class Editor {
  #grid;
  /** `{bitmap, url}`: as it was opened. */
  #opened;
  #sketch;
  #paper = new Paper(byId("paper"));
  #brush;

  /** `fields` are those of the form by name; calls `onOpen()` when an image is opened. */
  constructor(fields, onOpen) {
    Object.assign(this, { fields, onOpen });
    this.#brush = new Brush(byId("paper"), {
      place: (event) => this.#place(event),
      bounds: () => this.#sketch.bounds,
      begin: () => this.#sketch.mask.begin(),
      stroke: (from, to, isErasing) => this.#stroke(from, to, isErasing),
      move: (what) => this.#show(what && this.#describeBrush(what === "painted")),
      resize: (steps) => this.#resize(steps),
      undo: () => this.#change("undo"),
      redo: () => this.#change("redo"),
    });
    addEdges(byId("board"), {
      extent: (side) => this.#sketch.extent(side),
      tokenPx: (side) => (this.#sketch.tokenPixels(side) * byId("paper").clientWidth) / this.#sketch.layout.width,
      extend: (side, tokens) => this.#extend(side, tokens),
    });
    this.#settle();
    NARROW.addEventListener("change", () => this.#settle());
    for (const name of Object.keys(DONE)) byId(`mask-${name}`).addEventListener("click", () => this.#change(name));
    byId("unextend").addEventListener("click", () => {
      this.#extend(this.#sketch.extension.side, 0);
      byId("paper").focus();
    });
    for (const radio of radios("tool")) radio.addEventListener("change", () => this.#choose(radio));
    byId("brush-size").addEventListener("input", () => this.#resize(0));
    for (const radio of radios("fit")) radio.addEventListener("change", () => this.#fit());
    for (const { root } of fields.values())
      for (const name of ["input", "change"]) root.addEventListener(name, () => this.#show());
  }

  /** Fits the image into another model's size. */
  setModel(model) {
    const before = this.#grid;
    this.#grid = gridOf(model);
    byId("editable").hidden = !this.#grid;
    byId("not-editable").hidden = this.#grid !== undefined;
    if (!this.#opened || !this.#grid) return;
    if (JSON.stringify(before) !== JSON.stringify(this.#grid)) this.#fit();
  }

  /** Opens a file or a stored image; `name` is for the error message. */
  async open(blob, name) {
    this.clearError();
    this.onOpen();
    try {
      this.#opened = { bitmap: await decode(blob, name), url: await readAsDataUrl(blob) };
      radios("fit")[0].checked = true;
      this.#choose(radios("tool")[0]);
      if (this.#grid) this.#fit();
    } catch (error) {
      this.showError(error.message);
    }
  }

  /** Restores the edit of an earlier request. */
  async fill(body) {
    await this.open(toBlob(body.image), "The image");
    for (const [name, field] of this.fields) field.set(body[name]);
    if (!this.#sketch) return;
    if (body.mask) this.#sketch.mask = await readMask(body.mask, this.#sketch.canvas);
    for (const [side, tokens] of Object.entries(body.extend ?? {})) this.#sketch.extendTo(side, tokens);
    this.#show();
  }

  /** The request's fields, or `{problem}`. */
  read() {
    if (!this.#grid) return { problem: byId("not-editable").textContent };
    if (!this.#sketch) return { problem: "Choose an image to edit." };
    if (!this.#tokens().includes(1))
      return { problem: "Nothing is marked. To vary the whole image, lower the strength." };
    return { request: this.request };
  }

  /** What an edit sends so far; undefined without an image. */
  get request() {
    if (!this.#sketch) return undefined;
    const own = [...this.fields].map(([name, field]) => [name, field.own]);
    return { ...this.#sketch.request, ...Object.fromEntries(own.filter(([, value]) => value !== undefined)) };
  }

  /** Shows the errors of a field that the server names; `subject` is the field in words. */
  errorsOf(subject) {
    return {
      showError: (message) => this.showError(`${subject} ${message[0].toLowerCase()}${message.slice(1)}`),
      clearError: () => this.clearError(),
      focus: () => this.focus(),
    };
  }

  showError(message) {
    byId("editor-error").textContent = message;
    byId("editor-error").hidden = false;
  }

  clearError() {
    byId("editor-error").hidden = true;
  }

  focus() {
    byId(this.#sketch ? "paper" : "choose-file").focus({ preventScroll: true });
    byId("editor").scrollIntoView({ block: "nearest" });
  }

  /** First in the form on a phone, beside it on a desktop. */
  #settle() {
    if (NARROW.matches) byId("editor-place").append(byId("editor"));
    else byId("stage").before(byId("editor"));
  }

  #fit() {
    const { bitmap } = this.#opened;
    const { width, height, columns } = this.#grid;
    byId("fit").hidden = fitsExactly(bitmap, this.#grid);
    byId("fit-keep").hidden = !canKeep(bitmap, this.#grid);
    const [keep, cover] = radios("fit");
    if (keep.checked && byId("fit-keep").hidden) cover.checked = true;
    const how = radios("fit").find(({ checked }) => checked).value;
    this.#sketch = new Sketch(this.#opened, this.#grid, how, () => this.fields.get("mask_grow").value);
    byId("fit-words").textContent =
      `This image has ${bitmap.width} × ${bitmap.height} pixels. The model's images have ${width} × ${height}.`;
    const size = byId("brush-size");
    size.max = Math.round(Math.min(width, height) / 2);
    size.value = Math.round((BRUSH_TOKENS * width) / columns);
    byId("workbench").hidden = false;
    byId("choose-file").hidden = true;
    byId("choose-another").hidden = false;
    this.#brush.at = undefined;
    this.#resize(0);
  }

  /** `tool` is a radio button. */
  #choose(tool) {
    tool.checked = true;
    this.#brush.isErasing = tool.value === "eraser";
  }

  #stroke(from, to, isErasing) {
    this.clearError();
    const { mask, bounds } = this.#sketch;
    mask.stroke(from, to, this.#brush.diameter, isErasing ? 0 : 1, bounds);
    this.#show();
  }

  /** `name` is a method of the mask. */
  #change(name) {
    this.clearError();
    this.#sketch.mask[name]();
    this.#show(DONE[name]);
  }

  /** By eighths of its size. */
  #resize(steps) {
    const slider = byId("brush-size");
    const pixels = Number(slider.value);
    slider.value = String(pixels + steps * Math.max(1, Math.round(pixels / 8)));
    slider.style.setProperty("--filled", `${((slider.value - slider.min) / (slider.max - slider.min)) * 100}%`);
    this.#brush.diameter = Number(slider.value);
    this.#show(steps !== 0 && `Brush of ${slider.value} pixels.`);
  }

  #extend(side, tokens) {
    this.clearError();
    this.#sketch.extendTo(side, tokens);
    this.#show(describeExtension(this.#sketch) || "Not extended.");
  }

  #place({ clientX, clientY }) {
    const box = byId("paper").getBoundingClientRect();
    const { width, image } = this.#sketch.layout;
    const scale = width / box.width;
    return { x: (clientX - box.left) * scale - image.left, y: (clientY - box.top) * scale - image.top };
  }

  /** Draws everything; announces a change to screen readers. */
  #show(announcement) {
    if (!this.#sketch) return;
    const { canvas, layout, grid, mask, extension, windowMask } = this.#sketch;
    const tokens = this.#tokens();
    const { at, diameter, isByKeyboard } = this.#brush;
    const { left, top } = layout.image;
    const isAway = at !== undefined && !this.#sketch.isReachable(at, diameter / 2);
    const brush = at && !isAway && { x: at.x + left, y: at.y + top, diameter, hasCross: isByKeyboard };
    byId("paper").classList.toggle("away", isAway);
    byId("board").style.setProperty("--width", layout.width);
    byId("board").style.setProperty("--height", layout.height);
    this.#paper.show({ source: canvas, layout, grid, mask: windowMask, tokens, brush });
    showEdges(this.#sketch.sides, extension);
    byId("editor-facts").textContent = this.#describe(tokens);
    byId("stripes").hidden = !(windowMask.includes(1) && windowMask.includes(0));
    byId("extension").hidden = !this.#sketch.isExtended;
    byId("unextend").hidden = !this.#sketch.canRemoveExtension;
    byId("unextend").textContent = this.#sketch.replaced ? "Restore" : "Remove";
    byId("extension-words").textContent = describeExtension(this.#sketch);
    for (const [name, isPossible] of [
      ["undo", mask.canUndo],
      ["redo", mask.canRedo],
      ["clear", !mask.isEmpty],
    ])
      byId(`mask-${name}`).setAttribute("aria-disabled", String(!isPossible));
    if (announcement) byId("editor-status").textContent = announcement;
  }

  /** Without a mask, a lower strength varies the whole image. */
  #tokens() {
    const { tokens } = this.#sketch;
    return tokens.includes(1) || !(this.fields.get("strength").value < 1) ? tokens : tokens.fill(1);
  }

  #describe(tokens) {
    return describeTokens(tokens, this.fields.get("strength").value);
  }

  #describeBrush(isPainted) {
    const { at } = this.#brush;
    const state = this.#sketch.mask.has(at) ? "masked" : "not masked";
    const place = `Row ${Math.floor(at.y) + 1}, column ${Math.floor(at.x) + 1}: ${state}.`;
    return isPainted ? `${place} ${this.#describe(this.#tokens())}` : place;
  }
}
