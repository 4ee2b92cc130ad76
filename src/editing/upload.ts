import { type FieldError, Problem } from "../errors.js";

/** An image file as it came from a client: named, and found to be one still image, but not decoded yet. */
export interface Upload {
  readonly bytes: Uint8Array;
  readonly format: Format;
  /** JSON pointer to the field that it came in. */
  readonly pointer: string;
}

type Format = "png" | "jpeg" | "webp";

const MARKUP = "an HTML or XML";

/** What files begin with, as Latin-1, from a byte on. All but the first three are refused by their names, with articles. */
const BEGINS: readonly [name: string, from: number, ...texts: string[]][] = [
  ["png", 0, "\x89PNG\r\n\x1a\n"],
  ["jpeg", 0, "\xff\xd8\xff"],
  ["webp", 8, "WEBPVP8"],
  ["a GIF", 0, "GIF8"],
  ["a BMP", 0, "BM"],
  ["a TIFF", 0, "II*\0", "MM\0*", "II+\0", "MM\0+"],
  ["an AVIF", 4, "ftypavif", "ftypavis"],
  ["an HEIF", 4, "ftyphei", "ftyphev", "ftypmif", "ftypmsf"],
  ["a JPEG XL", 0, "\xff\x0a", "\0\0\0\x0cJXL "],
  ["a JPEG 2000", 0, "\0\0\0\x0cjP  ", "\xff\x4f\xff\x51"],
  ["an ICO", 0, "\0\0\x01\0", "\0\0\x02\0"],
  ["a Photoshop", 0, "8BPS"],
  ["a PDF", 0, "%PDF"],
  ["a ZIP", 0, "PK\x03\x04", "PK\x05\x06"],
  ["a video", 4, "ftyp"],
  [MARKUP, 0, "<"],
];

/** Bytes in which an SVG's first element is looked for, after declarations and comments. */
const MAX_PROLOGUE = 1024;

export const ACCEPTED_FORMATS = "a PNG, JPEG or WebP image";

/** Reads base64, with or without `data:...;base64,` before it. Throws `invalid_request`. */
export function readBase64(text: string, pointer: string): Uint8Array {
  const begin = /^data:/i.test(text) ? text.indexOf(",") + 1 : 0;
  if (begin > 0 && !/;base64,$/i.test(text.slice(Math.max(0, begin - 200), begin)))
    throw badUpload(pointer, "must be base64; a data URL has `;base64,` before it");
  const encoded = text.slice(begin).trimEnd();
  const bytes = Buffer.from(encoded, "base64");
  // Node skips what is not base64.
  const length = encoded.replace(/={0,2}$/, "").length;
  if (bytes.length === 0 || bytes.length !== Math.floor((length * 3) / 4) || length % 4 === 1)
    throw badUpload(pointer, "must be base64 without line breaks, or a data URL; in a form, a file");
  return bytes;
}

/** Recognises the file by its own bytes, whatever its name and type claim. Throws `invalid_request` unless it is one still image. */
export function recognize(bytes: Uint8Array, pointer: string): Upload {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = file.toString("latin1", 0, MAX_PROLOGUE).replace(/^(?:\xef\xbb\xbf)?\s*/, "");
  const name = BEGINS.find(([, from, ...texts]) => texts.some((text) => begin.startsWith(text, from)))?.[0];
  if (name !== "png" && name !== "jpeg" && name !== "webp") {
    const isSvg = name === MARKUP && /<(?:svg|html)\b/i.exec(begin)?.[0].toLowerCase() === "<svg";
    const found = isSvg ? "an SVG file" : name ? `${name} file` : "a file of another kind";
    throw badUpload(pointer, `must be ${ACCEPTED_FORMATS}, not ${found}`);
  }
  if (isAnimated(file, name)) throw badUpload(pointer, "must be a still image, not an animated one");
  return { bytes, format: name, pointer };
}

function isAnimated(bytes: Buffer, format: Format): boolean {
  // The extended header's flags (WebP container specification).
  if (format === "webp") return bytes.toString("latin1", 12, 16) === "VP8X" && ((bytes[20] ?? 0) & 2) !== 0;
  if (format === "jpeg") return false;
  // An animated PNG has an acTL chunk before its pixels.
  for (let at = 8; at + 8 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const type = bytes.toString("latin1", at + 4, at + 8);
    if (type === "acTL") return true;
    if (type === "IDAT") return false;
  }
  return false;
}

/** The problem of one field that holds a file. */
export function badUpload(pointer: string, message: string): Problem {
  return badFields([{ pointer, message }]);
}

export function badFields(errors: readonly FieldError[]): Problem {
  const detail = errors.map(({ pointer, message }) => `${pointer.slice(1)} ${message}.`).join(" ");
  return new Problem("invalid_request", detail, { errors });
}
