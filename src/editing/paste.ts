import type { Edit } from "../model/edit.js";
import type { ImageToEdit } from "../model/parameters.js";
import { decodeCanvas, type Size } from "./decode.js";

/** [height, width, 3]: RGB, 8 bits each. */
export interface RgbImage extends Size {
  readonly pixels: Uint8Array;
}

/** A job's canvas as a worker needs it. */
export interface OpenCanvas {
  /** The window, for the engine. */
  readonly toEdit: ImageToEdit;
  /** The canvas with the window that the engine drew: outside the mask, its colours are the canvas's, byte for byte. */
  paste(drawn: RgbImage): RgbImage;
}

/** Decodes a canvas. `window` is the size of the model's images. */
export async function openCanvas(canvas: Uint8Array, edit: Edit, window: Size): Promise<OpenCanvas> {
  const { rgba, width, height } = await decodeCanvas(canvas);
  const { left, top } = edit.window;
  const pixels = new Uint8Array(width * height * 3);
  const mask = new Uint8Array(width * height);
  for (let pixel = 0; pixel < mask.length; pixel++) {
    for (let channel = 0; channel < 3; channel++) pixels[3 * pixel + channel] = rgba[4 * pixel + channel]!;
    mask[pixel] = Number(rgba[4 * pixel + 3] === 0);
  }
  const place = { left, top, ...window };
  const weights = drawnShare(mask, { width, height }, edit.feather);
  return {
    toEdit: {
      pixels: crop(pixels, width, 3, place),
      mask: crop(mask, width, 1, place),
      maskGrow: edit.mask_grow,
      strength: edit.strength,
    },
    paste(drawn) {
      const pasted = pixels.slice();
      for (let y = 0; y < drawn.height; y++) {
        for (let x = 0; x < drawn.width; x++) {
          const to = (top + y) * width + left + x;
          if (mask[to] === 0) continue;
          const share = weights[to]!;
          for (let channel = 0; channel < 3; channel++) {
            const old = pixels[3 * to + channel]!;
            const fresh = drawn.pixels[3 * (y * drawn.width + x) + channel]!;
            pasted[3 * to + channel] = Math.round(old + share * (fresh - old));
          }
        }
      }
      return { pixels: pasted, width, height };
    },
  };
}

/** [H, W, channels] -> the part at a place. */
function crop(
  image: Uint8Array,
  width: number,
  channels: number,
  place: Size & { readonly left: number; readonly top: number },
): Uint8Array {
  const part = new Uint8Array(place.width * place.height * channels);
  for (let row = 0; row < place.height; row++) {
    const from = ((place.top + row) * width + place.left) * channels;
    part.set(image.subarray(from, from + place.width * channels), row * place.width * channels);
  }
  return part;
}

/**
 * How much of each masked pixel is drawn anew: 1 inside, less within `feather` pixels of the mask's border, where it grows with
 * the distance to the nearest pixel that stays. The image's own border is none.
 */
function drawnShare(mask: Uint8Array, { width, height }: Size, feather: number): Float32Array {
  if (feather === 0) return new Float32Array(mask.length).fill(1);
  const reach = feather + 1;
  // Along the row, then over the rows: the distance is Euclidean.
  const alongRow = new Float32Array(mask.length);
  for (let y = 0; y < height; y++) {
    let distance = reach;
    for (let x = 0; x < width; x++)
      alongRow[y * width + x] = distance = nextDistance(mask[y * width + x]!, distance, reach);
    distance = reach;
    for (let x = width - 1; x >= 0; x--) {
      distance = nextDistance(mask[y * width + x]!, distance, reach);
      alongRow[y * width + x] = Math.min(alongRow[y * width + x]!, distance);
    }
  }
  return alongRow.map((_, pixel) => {
    if (mask[pixel] === 0) return 0;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    let nearest = reach;
    for (let row = Math.max(0, y - feather); row <= Math.min(height - 1, y + feather); row++)
      nearest = Math.min(nearest, Math.hypot(alongRow[row * width + x]!, row - y));
    return nearest / reach;
  });
}

function nextDistance(isMasked: number, before: number, reach: number): number {
  return isMasked ? Math.min(before + 1, reach) : 0;
}
