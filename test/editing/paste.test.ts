import { describe, expect, it } from "vitest";
import { openCanvas, type RgbImage } from "../../src/editing/paste.js";
import type { Edit } from "../../src/model/edit.js";
import { colours, editableManifest, painted } from "./example-images.js";

const { architecture } = editableManifest();
// Tokens of 8x8 pixels: colours are matched within four pixels of the border.
architecture.generator.grid_width = architecture.generator.grid_height = 16;
const MODEL = { width: 128, height: 128 };
const BASIC: Edit = { window: { left: 0, top: 0 }, mask_grow: 2, feather: 0, strength: 0.5 };

type Mask = (x: number, y: number) => boolean;

/** A canvas of the example model, 32 pixels wider than its images where `isWide`. */
async function open(paint: (x: number, y: number) => readonly number[], isMasked: Mask, edit = BASIC, isWide = false) {
  const width = isWide ? 160 : 128;
  const png = painted({ width, paint: (x, y) => [...paint(x, y), isMasked(x, y) ? 0 : 255] }).png();
  return openCanvas(await png.toBuffer(), edit, architecture);
}

function drawn(paint: (x: number, y: number) => readonly number[]): RgbImage {
  const pixels = new Uint8Array(128 * 128 * 3);
  for (let y = 0; y < 128; y++) for (let x = 0; x < 128; x++) pixels.set(paint(x, y), 3 * (y * 128 + x));
  return { ...MODEL, pixels };
}

const at = ({ pixels, width }: RgbImage, x: number, y: number) => [
  ...pixels.subarray(3 * (y * width + x)).subarray(0, 3),
];
const grey = (value: number) => () => [value, value, value];
const rightHalf: Mask = (x) => x >= 64;

describe("a canvas for the engine", () => {
  it("is the window's colours, masked ones too, and its mask", async () => {
    const isMasked: Mask = (x, y) => x >= 100 && y < 7;
    const wide = await open(colours, isMasked, { ...BASIC, window: { left: 32, top: 0 } }, true);
    const { pixels, mask, maskGrow, strength } = wide.toEdit;
    expect([maskGrow, strength]).toEqual([2, 0.5]);
    for (const [x, y] of [
      [0, 0],
      [67, 6],
      [68, 6],
      [68, 7],
      [127, 127],
    ] as const) {
      expect(at({ ...MODEL, pixels }, x, y)).toEqual(colours(x + 32, y));
      expect(mask[y * 128 + x]).toBe(Number(isMasked(x + 32, y)));
    }
  });
});

describe("what the engine drew", () => {
  it("changes no pixel outside the mask: 200 masks of every kind", async () => {
    const original = drawn(colours).pixels;
    let state = 1;
    const next = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    for (let round = 0; round < 200; round++) {
      const [x0, y0, size, share] = [next() * 128, next() * 128, 4 + next() * 90, next()];
      const isMasked: Mask = (x, y) => Math.hypot(x - x0, y - y0) < size && (x * 7 + y * 13) % 10 < 10 * share;
      const { paste } = await open(colours, isMasked, { ...BASIC, feather: round % 3 === 0 ? 5 : 0 });
      const pasted = paste(drawn((x, y) => [y * 2, x * 2, (x + y) % 256]));
      const isChanged = (value: number, i: number) =>
        value !== original[i] && !isMasked(Math.floor(i / 3) % 128, Math.floor(i / 384));
      expect(pasted.pixels.findIndex(isChanged)).toBe(-1);
    }
  });

  it("is the whole image, to the byte, where everything is masked", async () => {
    const { paste } = await open(colours, () => true);
    const image = drawn((x, y) => [y, x, 9]);
    expect(paste(image).pixels).toEqual(image.pixels);
  });

  it("lies in the window of a wider canvas", async () => {
    const { paste } = await open(grey(100), (x) => x >= 128, { ...BASIC, window: { left: 32, top: 0 } }, true);
    const pasted = paste(drawn((x) => (x < 96 ? [100, 100, 100] : [100, 100, x])));
    expect([pasted.width, pasted.height]).toEqual([160, 128]);
    expect([at(pasted, 127, 5), at(pasted, 140, 5)]).toEqual([
      [100, 100, 100],
      [100, 100, 108],
    ]);
  });

  it("takes on the tint that separates drawn from kept pixels, everywhere", async () => {
    const { paste } = await open(grey(200), rightHalf);
    const pasted = paste(drawn(() => [192, 203, 200]));
    expect([at(pasted, 64, 9), at(pasted, 127, 90)]).toEqual([
      [200, 200, 200],
      [200, 200, 200],
    ]);
  });

  it("meets its neighbours across the border, and is itself half a token further in", async () => {
    // Another content than the canvas's: too far from it to be a tint.
    const { paste } = await open((_, y) => [y < 64 ? 200 : 20, 90, 90], rightHalf);
    const pasted = paste(drawn(() => [110, 90, 90]));
    expect(at(pasted, 64, 20)[0]).toBeGreaterThan(190);
    expect(at(pasted, 64, 108)[0]).toBeLessThan(30);
    const inside = [at(pasted, 90, 20)[0]!, at(pasted, 90, 108)[0]!];
    expect(Math.abs(inside[0]! - inside[1]!)).toBe(0);
    expect(Math.abs(inside[0]! - 110)).toBeLessThanOrEqual(48);
  });

  it("is never lighter than its neighbours across the border where a drawn object ends at it", async () => {
    // The object lies left and right of the border where it was drawn, but only its surroundings are kept.
    const isObject = (x: number, y: number) => x >= 56 && x < 72 && y >= 50 && y < 70;
    const { paste } = await open(grey(230), rightHalf);
    const pasted = paste(drawn((x, y) => (isObject(x, y) ? [60, 60, 60] : [230, 230, 230])));
    const values = Array.from({ length: 64 * 128 }, (_, p) => at(pasted, 64 + (p % 64), Math.floor(p / 64))[0]!);
    expect(Math.max(...values)).toBe(230);
    expect(at(pasted, 70, 60)[0]).toBe(60);
  });

  it("fades from the old image into the new one where it is feathered", async () => {
    // The drawn image equals the kept half, so that no colours are matched.
    const canvas = (x: number) => (x < 64 ? [100, 100, 100] : [0, 0, 0]);
    const { paste } = await open(canvas, rightHalf, { ...BASIC, feather: 3 });
    const pasted = paste(drawn(grey(100)));
    expect([63, 64, 65, 66, 67, 68].map((x) => at(pasted, x, 50)[0])).toEqual([100, 25, 50, 75, 100, 100]);
  });

  it("stays within the range of a byte", async () => {
    const { paste } = await open(grey(255), rightHalf);
    expect(at(paste(drawn((x) => (x < 64 ? [245, 245, 245] : [250, 250, 250]))), 100, 9)).toEqual([255, 255, 255]);
  });
});
