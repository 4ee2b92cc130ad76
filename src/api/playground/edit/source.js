// The image to edit, brought to the model's size in the browser.
import { Mask } from "./mask.js";

/** A pixel that is at most this opaque is drawn again. */
const MOST_TRANSPARENT = 127;

export class Unreadable extends Error {
  constructor(name) {
    super(`${name} cannot be read as an image. Choose a PNG, JPEG or WebP file.`);
  }
}

/** Decodes a file, turned upright as its metadata says. Throws `Unreadable`. */
export async function decode(blob, name) {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new Unreadable(name);
  }
}

export const fitsExactly = (bitmap, { width, height }) => bitmap.width === width && bitmap.height === height;

/** Whether an image, larger than the model's along one axis, can be extended along it as it is. */
export function canKeep(bitmap, { width, height }) {
  return (bitmap.width === width && bitmap.height > height) || (bitmap.height === height && bitmap.width > width);
}

/**
 * The image in the wanted size, cropped (`cover`), with borders (`contain`) or stretched, without transparency, as a canvas, and the mask that its transparent pixels make: with
 * `contain`, they are also what the image leaves empty.
 */
export function fitImage(bitmap, { width, height }, how) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  const scales = [width / bitmap.width, height / bitmap.height];
  const scale = how === "cover" ? Math.max(...scales) : Math.min(...scales);
  const drawn =
    how === "stretch" ? [width, height] : [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  context.drawImage(halved(bitmap, drawn), (width - drawn[0]) / 2, (height - drawn[1]) / 2, ...drawn);
  const { data } = context.getImageData(0, 0, width, height);
  const mask = Uint8Array.from({ length: width * height }, (_, i) => Number(data[4 * i + 3] <= MOST_TRANSPARENT));
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#808080";
  context.fillRect(0, 0, width, height);
  return { canvas, mask: new Mask(width, height, mask) };
}

/** Browsers that scale to less than a half in one go skip pixels. */
function halved(bitmap, [width, height]) {
  let smaller = bitmap;
  while (smaller.width >= 2 * width && smaller.height >= 2 * height) {
    const half = new OffscreenCanvas(Math.ceil(smaller.width / 2), Math.ceil(smaller.height / 2));
    half.getContext("2d").drawImage(smaller, 0, 0, half.width, half.height);
    smaller = half;
  }
  return smaller;
}

/** As a data URL: a pixel that is drawn again is transparent. */
export function maskImage({ width, height, data }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pixels = new ImageData(width, height);
  for (let i = 0; i < data.length; i++) pixels.data[4 * i + 3] = data[i] ? 0 : 255;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas.toDataURL("image/png");
}

export function readAsDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** The bytes of a data URL; the page's security policy lets `fetch` read none. */
export function toBlob(url) {
  const [head, base64] = url.split(",");
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: /^data:([^;]*)/.exec(head)[1] });
}

/** The mask in a data URL that `maskImage` made, in the wanted size. */
export async function readMask(url, size) {
  return fitImage(await loadImage(url), size, "stretch").mask;
}

async function loadImage(url) {
  const image = Object.assign(new Image(), { src: url });
  await image.decode();
  return image;
}
