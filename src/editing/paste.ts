import { type Edit, tokenSize } from "../model/edit.js";
import type { Architecture } from "../model/manifest.js";
import type { ImageToEdit } from "../model/parameters.js";
import { decodeCanvas, type Size } from "./decode.js";

/** [height, width, 3]: RGB, 8 bits each. */
export interface RgbImage extends Size {
  readonly pixels: Uint8Array;
}

/** Where the window lies on a canvas. */
type Place = Size & Edit["window"];

/** A job's canvas as a worker needs it. */
export interface OpenCanvas {
  /** The window, for the engine. */
  readonly toEdit: ImageToEdit;
  /** The canvas with the window that the engine drew: outside the mask, its colours are the canvas's, byte for byte. */
  paste(drawn: RgbImage): RgbImage;
}

/** Decodes a canvas for a model. */
export async function openCanvas(canvas: Uint8Array, edit: Edit, architecture: Architecture): Promise<OpenCanvas> {
  const { rgba, width, height } = await decodeCanvas(canvas);
  const { image_width, image_height } = architecture.tokenizer;
  const pixels = new Uint8Array(width * height * 3);
  const mask = new Uint8Array(width * height);
  for (let pixel = 0; pixel < mask.length; pixel++) {
    for (let channel = 0; channel < 3; channel++) pixels[3 * pixel + channel] = rgba[4 * pixel + channel]!;
    mask[pixel] = Number(rgba[4 * pixel + 3] === 0);
  }
  const place = { ...edit.window, width: image_width, height: image_height };
  return {
    toEdit: {
      pixels: crop(pixels, width, 3, place),
      mask: crop(mask, width, 1, place),
      maskGrow: edit.mask_grow,
      strength: edit.strength,
    },
    paste: windowPaster({ pixels, mask, width, height }, place, edit.feather, matchedBand(architecture)),
  };
}

/** [H, W, channels] -> the part at a place. */
function crop(image: Uint8Array, width: number, channels: number, place: Place): Uint8Array {
  const part = new Uint8Array(place.width * place.height * channels);
  for (let row = 0; row < place.height; row++) {
    const from = ((place.top + row) * width + place.left) * channels;
    part.set(image.subarray(from, from + place.width * channels), row * place.width * channels);
  }
  return part;
}

/** How far from the mask's border drawn colours are matched to those that stay, in pixels: half a token. */
export function matchedBand(architecture: Architecture): number {
  const { width, height } = tokenSize(architecture);
  return Math.ceil(Math.max(width, height) / 2);
}

/**
 * What pastes drawn windows, previews too, into the mask of a canvas; `mask` is [H, W], 1 where a pixel is drawn. What the model draws beside the mask
 * differs from what stays there: no tokenizer gives an image back exactly, and a background may have another tint. So that the
 * border can't be seen, the drawn pixels take on that difference: its median everywhere, and within `reach` pixels of the
 * border, fading, that of their neighbours across it, but never beyond these neighbours' own colours. `feather` blends the
 * drawn pixels with the canvas's old ones.
 */
export function windowPaster(
  canvas: RgbImage & { readonly mask: Uint8Array },
  place: Place,
  feather: number,
  reach: number,
): OpenCanvas["paste"] {
  const { width, height, mask } = canvas;
  const kept = crop(mask, width, 1, place).map((isMasked) => 1 - isMasked);
  const old = crop(canvas.pixels, width, 3, place);
  const distances = distancesToKept(mask, canvas, Math.max(reach, feather) + 1);
  return (drawn) => {
    const pixels = canvas.pixels.slice();
    const missing = Float32Array.from(old, (value, i) => value - drawn.pixels[i]!);
    const shift = medianShift(missing, kept);
    for (let y = 0; y < drawn.height; y++) {
      for (let x = 0; x < drawn.width; x++) {
        const to = (place.top + y) * width + place.left + x;
        if (mask[to] === 0) continue;
        const distance = distances[to]!;
        const fade = Math.max(0, 1 - (distance - 1) / reach);
        const near = fade > 0 ? neighboursMeans([missing, old], kept, drawn, { x, y }, reach) : undefined;
        const share = Math.min(1, distance / (feather + 1));
        for (let channel = 0; channel < 3; channel++) {
          const at = 3 * (y * drawn.width + x) + channel;
          const shifted = within(drawn.pixels[at]! + shift[channel]!, 0, 255);
          const [lacking, across] = near ? near.map((mean) => mean[channel]!) : [shift[channel]!, shifted];
          const matched = drawn.pixels[at]! + shift[channel]! + fade * (lacking! - shift[channel]!);
          const fresh = within(matched, Math.min(shifted, across!), Math.max(shifted, across!));
          pixels[3 * to + channel] = Math.round(old[at]! + share * (fresh - old[at]!));
        }
      }
    }
    return { pixels, width, height };
  };
}

/** More than this, of 255, is no tint but another content. */
const MAX_SHIFT = 48;

/** Median of each channel over the pixels that stay, within `MAX_SHIFT`; 0 where none stays. */
function medianShift(missing: Float32Array, kept: Uint8Array): number[] {
  return [0, 1, 2].map((channel) => {
    const values = missing.filter((_, i) => i % 3 === channel && kept[(i - channel) / 3]).sort();
    const median = values[values.length >> 1] ?? 0;
    return within(median, -MAX_SHIFT, MAX_SHIFT);
  });
}

/** Means over the pixels that stay within `reach` of a pixel, by the inverse of the fourth power of their distance. */
function neighboursMeans(
  images: readonly (Float32Array | Uint8Array)[], // [H, W, 3]
  kept: Uint8Array,
  { width, height }: Size,
  { x, y }: { readonly x: number; readonly y: number },
  reach: number,
): number[][] | undefined {
  const sums = images.map(() => [0, 0, 0]);
  let weights = 0;
  for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
    for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
      const pixel = row * width + column;
      const squared = (column - x) ** 2 + (row - y) ** 2;
      if (!kept[pixel] || squared > reach * reach) continue;
      const weight = 1 / (squared * squared);
      weights += weight;
      for (const [i, sum] of sums.entries())
        for (let channel = 0; channel < 3; channel++) sum[channel]! += weight * images[i]![3 * pixel + channel]!;
    }
  }
  return weights > 0 ? sums.map((sum) => sum.map((value) => value / weights)) : undefined;
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** Distance of each masked pixel to the nearest one that stays, at most `limit`; the image's own border is none. */
function distancesToKept(mask: Uint8Array, { width, height }: Size, limit: number): Float32Array {
  // Along the row, then over the rows: the distance is Euclidean.
  const alongRow = new Float32Array(mask.length);
  for (let y = 0; y < height; y++) {
    let distance = limit;
    for (let x = 0; x < width; x++)
      alongRow[y * width + x] = distance = nextDistance(mask[y * width + x]!, distance, limit);
    distance = limit;
    for (let x = width - 1; x >= 0; x--) {
      distance = nextDistance(mask[y * width + x]!, distance, limit);
      alongRow[y * width + x] = Math.min(alongRow[y * width + x]!, distance);
    }
  }
  return alongRow.map((_, pixel) => {
    if (mask[pixel] === 0) return 0;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    let nearest = limit;
    for (let row = Math.max(0, y - limit); row <= Math.min(height - 1, y + limit); row++)
      nearest = Math.min(nearest, Math.hypot(alongRow[row * width + x]!, row - y));
    return nearest;
  });
}

function nextDistance(isMasked: number, before: number, limit: number): number {
  return isMasked ? Math.min(before + 1, limit) : 0;
}
