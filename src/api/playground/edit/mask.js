// The mask that the user paints, pixel by pixel, with undo and redo.

const MOST_STEPS = 50;

export class Mask {
  #undone = [];
  #done = [];
  /** The data before the change that has begun; undefined once it is a step. */
  #before;

  /** `data` is [height, width]; 1: the pixel is drawn again. */
  constructor(width, height, data = new Uint8Array(width * height)) {
    Object.assign(this, { width, height, data });
  }

  get isEmpty() {
    return !this.data.includes(1);
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  has({ x, y }) {
    return this.data[Math.floor(y) * this.width + Math.floor(x)] === 1;
  }

  /** Begins a change that `undo` takes back as a whole. If it changes no pixel, it is no step. */
  begin() {
    this.#before = this.data.slice();
  }

  undo() {
    this.#swap(this.#done, this.#undone);
  }

  redo() {
    this.#swap(this.#undone, this.#done);
  }

  clear() {
    if (this.isEmpty) return;
    this.begin();
    this.#step();
    this.data.fill(0);
  }

  invert() {
    this.begin();
    this.#step();
    this.data = this.data.map((value) => 1 - value);
  }

  /** Sets every pixel within `bounds` under a round brush that moves from one point to another, in pixels. */
  stroke(from, to, diameter, value, bounds = { left: 0, top: 0, right: this.width, bottom: this.height }) {
    const radius = diameter / 2;
    const columns = [Math.min(from.x, to.x) - radius, Math.max(from.x, to.x) + radius];
    const rows = [Math.min(from.y, to.y) - radius, Math.max(from.y, to.y) + radius];
    for (let y = Math.max(bounds.top, Math.floor(rows[0])); y <= Math.min(bounds.bottom - 1, rows[1]); y++)
      for (let x = Math.max(bounds.left, Math.floor(columns[0])); x <= Math.min(bounds.right - 1, columns[1]); x++) {
        const isUnderPoint = x === Math.floor(to.x) && y === Math.floor(to.y);
        if (isUnderPoint || distance({ x: x + 0.5, y: y + 0.5 }, from, to) <= radius)
          this.#set(y * this.width + x, value);
      }
  }

  #set(pixel, value) {
    if (this.data[pixel] === value) return;
    this.#step();
    this.data[pixel] = value;
  }

  #step() {
    if (!this.#before) return;
    this.#done.push(this.#before);
    this.#before = undefined;
    if (this.#done.length > MOST_STEPS) this.#done.shift();
    this.#undone = [];
  }

  #swap(from, to) {
    if (from.length === 0) return;
    to.push(this.data);
    this.data = from.pop();
    // What a stroke still under way changes from here on is a step of its own.
    this.begin();
  }
}

/** Distance of a point from the line between two others. */
function distance(point, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((point.x - from.x) * dx + (point.y - from.y) * dy) / length;
  const share = Math.min(1, Math.max(0, along));
  return Math.hypot(point.x - from.x - share * dx, point.y - from.y - share * dy);
}
