import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { insertPngText } from "../../src/worker/png-text.js";
import { readPngChunks, readPngText } from "./png-chunks.js";

const pixels = new Uint8Array(12).map((_, index) => index * 20);
const png = await sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } })
  .png()
  .toBuffer();

describe("insertPngText", () => {
  it("puts the text between header and pixels, in order, and leaves the image as it was", async () => {
    const withText = insertPngText(png, [
      ["Software", "Marimba"],
      ["seed", "7"],
    ]);
    const types = readPngChunks(withText).map(({ type }) => type);
    expect(types.slice(0, 3)).toEqual(["IHDR", "tEXt", "tEXt"]);
    expect(types.at(-1)).toBe("IEND");
    expect(readPngText(withText)).toEqual({ Software: "Marimba", seed: "7" });
    const { data } = await sharp(withText).raw().toBuffer({ resolveWithObject: true });
    expect(new Uint8Array(data)).toEqual(pixels);
  });

  it("reads a view into a larger buffer", () => {
    const larger = Buffer.concat([Buffer.alloc(5), png, Buffer.alloc(5)]);
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 5, png.length);
    expect(insertPngText(view, [["a", "b"]])).toEqual(insertPngText(png, [["a", "b"]]));
  });

  it.each([
    ["café", "tEXt"],
    ["two\nlines", "tEXt"],
    ["étoile de mer 海星", "iTXt"],
    ["tab\tand bell\x07", "iTXt"],
  ])("writes %j as %s", (value, type) => {
    const withText = insertPngText(png, [["class_name", value]]);
    expect(readPngChunks(withText)[1]?.type).toBe(type);
    expect(readPngText(withText).class_name).toBe(value);
  });

  it("drops NUL, which would end the text early", () => {
    expect(readPngText(insertPngText(png, [["k", "a\0b"]])).k).toBe("ab");
  });

  it.each(["", " k", "k ", "k\0", "ключ", "k".repeat(80)])("refuses the keyword %j", (keyword) => {
    expect(() => insertPngText(png, [[keyword, "v"]])).toThrow(/is not a PNG keyword/);
  });

  it("refuses values without measure and bytes that are no PNG", () => {
    expect(() => insertPngText(png, [["k", "v".repeat(4097)]])).toThrow(/4097 characters; at most 4096 are allowed/);
    expect(() => insertPngText(png.subarray(1), [])).toThrow(/not a PNG/);
    expect(() => insertPngText(png.subarray(0, 20), [])).toThrow(/not a PNG/);
  });
});
