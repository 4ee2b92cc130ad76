import { describe, expect, it } from "vitest";
import { readBase64, recognize } from "../../src/editing/upload.js";

describe("a file of another kind", () => {
  it.each([
    [
      "an SVG",
      '\ufeff<?xml version="1.0"?>\n<!-- drawn by hand --><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg"/>',
    ],
    ["an SVG", "<svg/>"],
    ["an HTML or XML", "<!doctype html><html><body><svg></svg></body></html>"],
    ["an AVIF", "\0\0\0\x1cftypavif"],
    ["a GIF", "GIF89a"],
  ])("is named: %s", (name, text) => {
    expect(() => recognize(Buffer.from(text), "/image")).toThrow(
      `image must be a PNG, JPEG or WebP image, not ${name} file.`,
    );
  });
});

describe("a data URL", () => {
  it("may have its scheme in any case", () => {
    expect(Buffer.from(readBase64("DATA:image/png;BASE64,aGVsbG8=", "/image")).toString()).toBe("hello");
  });
});
