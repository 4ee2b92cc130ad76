// An image in the model's size, with its mask and its extension: what an edit sends to the server.
import { Mask } from "./mask.js";
import { canKeep, fitImage, fitsExactly, maskImage } from "./source.js";
import { layOut, maskedTokens, windowMask } from "./tokens.js";

export class Sketch {
  #url;
  /** `{side, tokens}`, of which the margin may leave fewer. */
  #wanted;
  /** The extension that another one took the place of. */
  replaced;

  /**
   * `opened` is `{bitmap, url}`; `how` says how to fit an image of another size. With `keep`, it keeps its size, and is
   * extended along its longer axis. `rings()` is the margin.
   */
  constructor({ bitmap, url }, grid, how, rings) {
    const isKept = how === "keep" && canKeep(bitmap, grid);
    Object.assign(this, { grid, rings, ...fitImage(bitmap, isKept ? bitmap : grid, how) });
    // The file itself, if the server would read from it exactly what the canvas shows.
    if ((isKept || fitsExactly(bitmap, grid)) && this.mask.isEmpty) this.#url = url;
    /** The sides on which the image can grow, and the least that it must. */
    this.sides = !isKept ? SIDES : bitmap.width > grid.width ? ["right", "left"] : ["bottom", "top"];
    this.leastExtension = Number(isKept);
    this.#wanted = { side: this.sides[0], tokens: this.leastExtension };
  }

  get layout() {
    return layOut(this.canvas, this.grid, this.extension);
  }

  get windowMask() {
    return windowMask(this.mask, this.grid, this.layout);
  }

  /** Of the window, [rows, columns]; 1: the token may be drawn again. */
  get tokens() {
    return maskedTokens(this.windowMask, this.grid, this.rings());
  }

  /** The part of the image that can be painted, in its pixels. */
  get bounds() {
    const { image, window } = this.layout;
    const [left, top] = [window.left - image.left, window.top - image.top];
    return {
      left: Math.max(0, left),
      top: Math.max(0, top),
      right: Math.min(this.mask.width, left + this.grid.width),
      bottom: Math.min(this.mask.height, top + this.grid.height),
    };
  }

  /** Whether a brush at a point reaches what can be painted. */
  isReachable({ x, y }, radius) {
    const { left, top, right, bottom } = this.bounds;
    return x > left - radius && x < right + radius && y > top - radius && y < bottom + radius;
  }

  get extension() {
    const { side, tokens } = this.#wanted;
    return { side, tokens: Math.min(tokens, this.most(side)) };
  }

  /** Also if the margin leaves no room for it. */
  get isExtended() {
    return this.#wanted.tokens > 0;
  }

  get canRemoveExtension() {
    return this.#wanted.tokens > this.leastExtension || this.replaced !== undefined;
  }

  extent(side) {
    return side === this.extension.side ? this.extension.tokens : 0;
  }

  /** The most tokens that an extension can have: beside it and its margin, the model must see a part of the image. */
  most(side) {
    const { columns, rows } = this.grid;
    const margin = Math.max(0, Number(this.rings()) || 0);
    return Math.max(this.leastExtension, (isAcross(side) ? columns : rows) - 1 - margin);
  }

  /** Extends the image on one side only. An extension taken back to nothing brings back the one that it replaced. */
  extendTo(side, tokens) {
    const isOther = side !== this.#wanted.side;
    if (isOther && tokens <= 0) return;
    if (isOther) this.replaced = this.#wanted.tokens > this.leastExtension ? this.#wanted : undefined;
    if (tokens <= 0 && this.replaced) {
      this.#wanted = this.replaced;
      this.replaced = undefined;
    } else {
      const most = Math.max(1, this.most(side));
      this.#wanted = { side, tokens: Math.min(most, Math.max(this.leastExtension, tokens)) };
    }
  }

  /** Pixels of a token in the direction of a side. */
  tokenPixels(side) {
    const { width, height, columns, rows } = this.grid;
    return isAcross(side) ? width / columns : height / rows;
  }

  /** Image, mask and extension as the server wants them. */
  get request() {
    const { side, tokens } = this.extension;
    const mask = this.#maskInBounds();
    return {
      image: this.#url ?? this.canvas.toDataURL("image/png"),
      ...(!mask.isEmpty && { mask: maskImage(mask) }),
      ...(tokens > 0 && { extend: { [side]: tokens } }),
    };
  }

  /** Without what was painted before an extension moved the window away. */
  #maskInBounds() {
    const { left, top, right, bottom } = this.bounds;
    const { width, height, data } = this.mask;
    const isIn = (i) => i % width >= left && i % width < right && i >= top * width && i < bottom * width;
    return new Mask(
      width,
      height,
      data.map((value, i) => (isIn(i) ? value : 0)),
    );
  }
}

const SIDES = ["right", "left", "bottom", "top"];

export const isAcross = (side) => side === "left" || side === "right";
