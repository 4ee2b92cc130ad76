import { crc32 } from "node:zlib";

/** Reads a PNG's chunks independently of the writer under test, checking lengths and sums. */
export function readPngChunks(png: Uint8Array): { type: string; content: Buffer }[] {
  const bytes = Buffer.from(png);
  if (bytes.toString("latin1", 0, 8) !== "\x89PNG\r\n\x1a\n") throw new Error("no PNG signature");
  const chunks = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== bytes.readUInt32BE(at + 8 + length))
      throw new Error("bad CRC");
    chunks.push({ type: bytes.toString("latin1", at + 4, at + 8), content });
    at += length + 12;
  }
  return chunks;
}

/** The text of a PNG: tEXt and uncompressed iTXt, by keyword. */
export function readPngText(png: Uint8Array): Record<string, string> {
  const text: Record<string, string> = {};
  for (const { type, content } of readPngChunks(png)) {
    const end = content.indexOf(0);
    const keyword = content.toString("latin1", 0, end);
    if (type === "tEXt") text[keyword] = content.toString("latin1", end + 1);
    if (type === "iTXt") text[keyword] = content.toString("utf8", end + 5);
  }
  return text;
}
