import type { GeneratedImage } from "../engine/engine.js";

type Pixels = Pick<GeneratedImage, "pixels" | "width" | "height">;

/** Lays pictures of one size side by side, row by row; places without a picture stay black. */
export function composeSheet(pictures: readonly Pixels[], columns: number, rows: number): Pixels {
  const { width, height } = pictures[0]!;
  const sheet = new Uint8Array(rows * height * columns * width * 3); // [rows * H, columns * W, 3]
  for (const [index, { pixels }] of pictures.entries()) {
    const left = (index % columns) * width;
    const top = Math.floor(index / columns) * height;
    for (let y = 0; y < height; y++) {
      const line = pixels.subarray(y * width * 3, (y + 1) * width * 3);
      sheet.set(line, ((top + y) * columns * width + left) * 3);
    }
  }
  return { pixels: sheet, width: columns * width, height: rows * height };
}
