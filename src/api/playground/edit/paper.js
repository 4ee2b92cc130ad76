// Draws the image, the mask, the tokens that are drawn again, and the brush, at the resolution of the screen.
import { SMALL_PIXELS } from "../stage/tile.js";

const STRIPE_PX = 7;

export class Paper {
  #context;
  #layer = document.createElement("canvas");
  #maskPixels = document.createElement("canvas");
  #requested = 0;

  constructor(canvas) {
    this.canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  /** Draws `{source, layout, mask, grid, tokens, brush}` with the next frame. `mask` is the window's. */
  show(scene) {
    this.scene = scene;
    cancelAnimationFrame(this.#requested);
    this.#requested = requestAnimationFrame(() => this.#draw());
  }

  /** Pixels of the screen in a pixel of the image. */
  get #scale() {
    return this.canvas.width / this.scene.layout.width;
  }

  /** Also when the editor is hidden or shown. */
  #resize() {
    const { clientWidth, clientHeight } = this.canvas;
    for (const canvas of [this.canvas, this.#layer]) {
      canvas.width = Math.round(clientWidth * devicePixelRatio);
      canvas.height = Math.round(clientHeight * devicePixelRatio);
    }
    if (this.scene) this.#draw();
  }

  #draw() {
    if (this.canvas.width === 0) return;
    const { source, layout, brush } = this.scene;
    const context = this.#context;
    const scale = this.#scale;
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.imageSmoothingEnabled = Math.max(source.width, source.height) >= SMALL_PIXELS;
    const { left, top } = layout.image;
    context.drawImage(source, left * scale, top * scale, source.width * scale, source.height * scale);
    this.#drawMask();
    this.#drawTokens();
    this.#dimOutside();
    if (brush) this.#drawBrush(brush);
  }

  /** Stripes, which show on every colour. */
  #drawMask() {
    const { mask, grid, layout } = this.scene;
    const pixels = new ImageData(grid.width, grid.height);
    for (let i = 0; i < mask.length; i++) pixels.data[4 * i + 3] = mask[i] * 255;
    Object.assign(this.#maskPixels, { width: grid.width, height: grid.height });
    this.#maskPixels.getContext("2d").putImageData(pixels, 0, 0);
    const layer = this.#layer.getContext("2d");
    const { width, height } = this.#layer;
    layer.globalCompositeOperation = "copy";
    layer.fillStyle = getComputedStyle(this.canvas).color;
    layer.globalAlpha = 0.7;
    layer.fillRect(0, 0, width, height);
    layer.globalCompositeOperation = "source-over";
    layer.globalAlpha = 0.5;
    layer.strokeStyle = "#fff";
    const stripe = STRIPE_PX * devicePixelRatio;
    layer.lineWidth = stripe / 3;
    layer.beginPath();
    for (let x = -height; x < width; x += stripe) {
      layer.moveTo(x, height);
      layer.lineTo(x + height, 0);
    }
    layer.stroke();
    layer.globalAlpha = 1;
    layer.globalCompositeOperation = "destination-in";
    layer.imageSmoothingEnabled = false;
    const { left, top } = layout.window;
    const scale = this.#scale;
    layer.drawImage(this.#maskPixels, left * scale, top * scale, grid.width * scale, grid.height * scale);
    this.#context.drawImage(this.#layer, 0, 0);
  }

  /** The cells of the tokens, in a light and a dark line, so that they show on every colour. */
  #drawTokens() {
    const { tokens, grid, layout } = this.scene;
    const context = this.#context;
    const [width, height] = [(grid.width / grid.columns) * this.#scale, (grid.height / grid.rows) * this.#scale];
    context.fillStyle = "#ffffff2e";
    context.lineWidth = devicePixelRatio;
    for (const [colour, inset] of [
      ["#ffffffe0", 0.5],
      ["#241e18b0", 1.5],
    ]) {
      context.strokeStyle = colour;
      for (const [token, isMasked] of tokens.entries()) {
        if (!isMasked) continue;
        const x = layout.window.left * this.#scale + (token % grid.columns) * width;
        const y = layout.window.top * this.#scale + Math.floor(token / grid.columns) * height;
        const gap = inset * devicePixelRatio;
        if (inset < 1) context.fillRect(x, y, width, height);
        context.strokeRect(x + gap, y + gap, width - 2 * gap, height - 2 * gap);
      }
    }
  }

  /** The model does not see what lies outside its window. */
  #dimOutside() {
    const { grid, layout } = this.scene;
    const scale = this.#scale;
    const context = this.#context;
    context.beginPath();
    context.rect(0, 0, this.canvas.width, this.canvas.height);
    context.rect(layout.window.left * scale, layout.window.top * scale, grid.width * scale, grid.height * scale);
    context.fillStyle = "#15131180";
    context.fill("evenodd");
  }

  /** `brush` is `{x, y, diameter, hasCross}`, in pixels of the canvas. */
  #drawBrush({ x, y, diameter, hasCross }) {
    const context = this.#context;
    const scale = this.#scale;
    const radius = Math.max((diameter / 2) * scale, 2 * devicePixelRatio);
    const arm = 4 * devicePixelRatio;
    for (const [colour, width] of [
      ["#151311", 3.5],
      ["#fff", 1.5],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = width * devicePixelRatio;
      context.beginPath();
      context.arc(x * scale, y * scale, radius, 0, 2 * Math.PI);
      if (hasCross) {
        context.moveTo(x * scale - arm, y * scale);
        context.lineTo(x * scale + arm, y * scale);
        context.moveTo(x * scale, y * scale - arm);
        context.lineTo(x * scale, y * scale + arm);
      }
      context.stroke();
    }
  }
}
