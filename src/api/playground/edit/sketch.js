// An image in the model's size, with its mask and its extension: what an edit sends to the server.
import { Mask } from "./mask.js";
import { canKeep, fitImage, fitsExactly, maskImage } from "./source.js";
import { layOut, maskedTokens, windowMask } from "./tokens.js";

export class Sketch {
  #url;

  /**
   * `opened` is `{bitmap, url}`; `how` says how to fit an image of another size. With `keep`, it keeps its size, and is
   * extended along its longer axis.
   */
  constructor({ bitmap, url }, grid, how) {
    const isKept = how === "keep" && canKeep(bitmap, grid);
    Object.assign(this, { grid, ...fitImage(bitmap, isKept ? bitmap : grid, how) });
    // The file itself, if the server would read from it exactly what the canvas shows.
    if ((isKept || fitsExactly(bitmap, grid)) && this.mask.isEmpty) this.#url = url;
    /** The sides on which the image can grow, and the least that it must. */
    this.sides = !isKept ? SIDES : bitmap.width > grid.width ? ["right", "left"] : ["bottom", "top"];
    this.leastExtension = Number(isKept);
    this.extension = { side: this.sides[0], tokens: this.leastExtension };
  }

  get layout() {
    return layOut(this.canvas, this.grid, this.extension);
  }

  get windowMask() {
    return windowMask(this.mask, this.grid, this.layout);
  }

  /** Of the window, [rows, columns]; 1: the token may be drawn again. */
  tokens(rings) {
    return maskedTokens(this.windowMask, this.grid, rings);
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

  extent(side) {
    return side === this.extension.side ? this.extension.tokens : 0;
  }

  /** Extends the image on one side only; a part of the image itself stays in the window. */
  extendTo(side, tokens) {
    const most = (isAcross(side) ? this.grid.columns : this.grid.rows) - 1;
    this.extension = { side, tokens: Math.min(most, Math.max(this.leastExtension, tokens)) };
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
