import { crc32 } from "node:zlib";

/** How an image was generated; in a PNG, pairs of keyword (PNG 3rd edition, 11.3.3.1) and text. */
export type Facts = readonly (readonly [keyword: string, value: string])[];

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Signature and IHDR, which is always first and has 13 bytes of content: text follows it, before the pixels. */
const HEADER_BYTES = SIGNATURE.length + 4 + 4 + 13 + 4;

const KEYWORD = /^[!-~](?:[ -~]{0,77}[!-~])?$/;
const MAX_VALUE_CHARACTERS = 4096;
/** Text that tEXt can hold, in Latin-1: printable characters and the line feed. */
const LATIN1_TEXT = /^[\n -~\u00a1-\u00ff]*$/;

/** The PNG with text chunks before its pixels. The same input gives the same bytes. Throws for a bad keyword. */
export function insertPngText(png: Uint8Array, text: Facts): Uint8Array {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  const isPng = bytes.subarray(0, 8).equals(SIGNATURE) && bytes.toString("latin1", 12, 16) === "IHDR";
  if (!isPng || bytes.length < HEADER_BYTES) throw new TypeError("The bytes are not a PNG with its header first.");
  const chunks = text.map(([keyword, value]) => textChunk(keyword, value));
  return Buffer.concat([bytes.subarray(0, HEADER_BYTES), ...chunks, bytes.subarray(HEADER_BYTES)]);
}

function textChunk(keyword: string, value: string): Buffer {
  if (!KEYWORD.test(keyword)) throw new TypeError(`${JSON.stringify(keyword)} is not a PNG keyword.`);
  if (value.length > MAX_VALUE_CHARACTERS) {
    throw new RangeError(
      `The PNG text ${keyword} has ${value.length} characters; at most ${MAX_VALUE_CHARACTERS} are allowed.`,
    );
  }
  if (LATIN1_TEXT.test(value)) return chunk("tEXt", Buffer.from(`${keyword}\0${value}`, "latin1"));
  // iTXt: uncompressed, no language, no translated keyword; then UTF-8, which allows everything but NUL.
  return chunk("iTXt", Buffer.from(`${keyword}\0\0\0\0\0${value.replaceAll("\0", "")}`, "utf8"));
}

function chunk(type: string, content: Buffer): Buffer {
  const bytes = Buffer.alloc(content.length + 12);
  bytes.writeUInt32BE(content.length, 0);
  bytes.write(type, 4, "latin1");
  content.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, content.length + 8)), content.length + 8);
  return bytes;
}
