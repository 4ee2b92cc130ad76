import type { GraphBuilder, Value } from "./builder.js";
import { ELEMENT_TYPES } from "./onnx.js";

/**
 * How an output x becomes a byte, as the family's reference saves images. nearest: clip(255 (x + 1) / 2, 0, 255), halves to
 * even; down: clip(127.5 x + 128, 0, 255), cut off; truncated: 255 clip(x / 2 + 1 / 2, 0, 1), cut off.
 */
export type PixelRounding = "nearest" | "down" | "truncated";

const ROUNDINGS: Readonly<Record<PixelRounding, (g: GraphBuilder, image: Value) => Value>> = {
  nearest,
  down: cutOff,
  truncated,
};

/** [images, 3, H, W] in [-1, 1] -> [images, H, W, 3], 0 to 255. */
export function toPixels(g: GraphBuilder, image: Value, rounding: PixelRounding): Value {
  const bytes = g.node("Cast", [ROUNDINGS[rounding](g, image)], {
    attributes: { to: { int: ELEMENT_TYPES.uint8 } },
  });
  return g.node("Transpose", [bytes], { attributes: { perm: { ints: [0, 2, 3, 1] } } });
}

/** ONNX's Round takes halves to even. */
function nearest(g: GraphBuilder, image: Value): Value {
  const scaled = g.node("Mul", [g.node("Add", [image, g.float(1)]), g.float(127.5)]);
  return g.node("Round", [g.node("Clip", [scaled, g.float(0), g.float(255)])]);
}

function cutOff(g: GraphBuilder, image: Value): Value {
  const scaled = g.node("Add", [g.node("Mul", [image, g.float(127.5)]), g.float(128)]);
  return g.node("Floor", [g.node("Clip", [scaled, g.float(0), g.float(255)])]);
}

function truncated(g: GraphBuilder, image: Value): Value {
  const shown = g.node("Add", [g.node("Mul", [image, g.float(0.5)]), g.float(0.5)]);
  return g.node("Floor", [g.node("Mul", [g.node("Clip", [shown, g.float(0), g.float(1)]), g.float(255)])]);
}
