// The four edges of the image: dragged outwards, clicked or moved with the keyboard, one of them extends the image by whole
// tokens.
import { byId, element, icon } from "../element.js";

const OUTWARDS = { left: [-1, 0], right: [1, 0], top: [0, -1], bottom: [0, 1] };
export const PLACES = { left: "on the left", right: "on the right", top: "at the top", bottom: "at the bottom" };
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** A pointer that moves less than this clicks. */
const CLICK_PX = 4;

/** Puts a button on each edge of `board`. `on` is `{extent(side), tokenPx(side), extend(side, tokens)}`. */
export function addEdges(board, on) {
  for (const [side, [dx, dy]] of Object.entries(OUTWARDS)) {
    const button = element("button", {
      type: "button",
      id: `edge-${side}`,
      className: `edge edge-${side}`,
      title: `Drag to extend the image ${PLACES[side]}`,
    });
    button.setAttribute("aria-label", `Extend the image ${PLACES[side]}`);
    button.append(icon("plus"));
    board.append(button);
    let drag;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      drag = { x: event.clientX, y: event.clientY, extent: on.extent(side), tokenPx: on.tokenPx(side), isClick: true };
    });
    button.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const outwards = (event.clientX - drag.x) * dx + (event.clientY - drag.y) * dy;
      if (Math.abs(outwards) > CLICK_PX) drag.isClick = false;
      if (!drag.isClick) on.extend(side, drag.extent + Math.round(outwards / drag.tokenPx));
    });
    const drop = () => setTimeout(() => (drag = undefined));
    button.addEventListener("pointerup", drop);
    button.addEventListener("pointercancel", drop);
    button.addEventListener("click", () => {
      if (!drag || drag.isClick) on.extend(side, on.extent(side) + 1);
    });
    button.addEventListener("keydown", (event) => {
      const along = KEYS[event.key];
      const steps = along ? along[0] * dx + along[1] * dy : 0;
      if (steps === 0) return;
      event.preventDefault();
      on.extend(side, on.extent(side) + steps);
    });
  }
}

export function showEdges(sides, { side, tokens }) {
  for (const one of Object.keys(OUTWARDS)) {
    byId(`edge-${one}`).hidden = !sides.includes(one);
    byId(`edge-${one}`).classList.toggle("extended", tokens > 0 && one === side);
  }
}
