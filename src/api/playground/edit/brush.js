// The brush: moved by a pointer (mouse, pen, finger) or by the arrow keys.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PEN_ERASER = 32;

export class Brush {
  diameter = 1;
  isErasing = false;
  /** In pixels of the image; undefined while no pointer and no keyboard is on it. */
  at;
  isByKeyboard = false;
  #isDown = false;

  /**
   * `on` is `{place(event), bounds(), begin(), stroke(from, to, isErasing), move(what), resize(steps), undo(),
   * redo()}`; places and bounds are in pixels of the image, and `what` is "moved" or "painted" if it is to be announced.
   */
  constructor(canvas, on) {
    Object.assign(this, { canvas, on });
    // Screen readers leave the arrow keys to an application.
    canvas.setAttribute("role", "application");
    canvas.tabIndex = 0;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", () => this.#up());
    canvas.addEventListener("pointercancel", () => this.#up());
    canvas.addEventListener("pointerleave", () => this.#leave());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("keyup", ({ key }) => key === " " && this.#up());
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.#enter());
    canvas.addEventListener("blur", () => {
      this.#up();
      this.#leave();
    });
  }

  #down(event) {
    if (event.button !== 0 && !(event.buttons & PEN_ERASER)) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.isByKeyboard = false;
    this.#isDown = true;
    this.at = this.on.place(event);
    this.on.begin();
    this.#paint(this.at, event);
  }

  #move(event) {
    this.isByKeyboard = false;
    // A fast pointer moves farther than one event: the browser keeps the points in between.
    for (const point of this.#isDown ? (event.getCoalescedEvents?.() ?? []) : [])
      this.#paintTo(this.on.place(point), event);
    const at = this.on.place(event);
    if (this.#isDown) this.#paintTo(at, event);
    this.at = at;
    this.on.move();
  }

  #paintTo(to, event) {
    const from = this.at;
    this.at = to;
    this.#paint(from, event);
  }

  #paint(from, event) {
    this.on.stroke(from, this.at, this.isErasing || Boolean(event.buttons & PEN_ERASER));
  }

  #up() {
    if (!this.#isDown) return;
    this.#isDown = false;
    this.on.move("painted");
  }

  #leave() {
    if (this.#isDown) return;
    this.at = undefined;
    this.on.move();
  }

  #enter() {
    const { left, top, right, bottom } = this.on.bounds();
    this.at = { x: (left + right) / 2, y: (top + bottom) / 2 };
    this.isByKeyboard = true;
    this.on.move();
  }

  #key(event) {
    const { key, shiftKey } = event;
    if (event.ctrlKey || event.metaKey) {
      const letter = key.toLowerCase();
      if (letter !== "z" && letter !== "y") return;
      event.preventDefault();
      return letter === "z" && !shiftKey ? this.on.undo() : this.on.redo();
    }
    if (key === "[" || key === "]") return this.on.resize(key === "[" ? -1 : 1);
    if (!ARROWS[key] && key !== " ") return;
    event.preventDefault();
    if (!this.at || !this.isByKeyboard) this.#enter();
    if (key === " ") this.#dab(event);
    else this.#step(ARROWS[key], shiftKey ? 1 : Math.max(1, Math.round(this.diameter / 2)), event);
  }

  #dab(event) {
    if (event.repeat) return;
    this.#isDown = true;
    this.on.begin();
    this.#paint(this.at, event);
    this.on.move("painted");
  }

  /** Paints on the way if the space bar is held. */
  #step([dx, dy], length, event) {
    const { left, top, right, bottom } = this.on.bounds();
    const from = this.at;
    this.at = {
      x: Math.min(right - 0.5, Math.max(left + 0.5, from.x + dx * length)),
      y: Math.min(bottom - 0.5, Math.max(top + 0.5, from.y + dy * length)),
    };
    if (this.#isDown) this.#paint(from, event);
    this.on.move("moved");
  }
}
