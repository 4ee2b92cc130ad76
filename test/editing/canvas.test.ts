import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { type EditFiles, prepareEdit } from "../../src/editing/canvas.js";
import type { EditOptions } from "../../src/editing/edit-request.js";
import { Problem } from "../../src/errors.js";
import { exampleManifest } from "../model/example-manifest.js";
import { colours, editableManifest, maskOf, painted, pixelsOf } from "./example-images.js";

const manifest = editableManifest();
const image = await painted({ paint: colours }).png().toBuffer();
const square = (x: number, y: number) => x >= 40 && x < 80 && y >= 50 && y < 90;

async function canvasOf(files: EditFiles, options: EditOptions = {}) {
  const { canvas, edit } = await prepareEdit(files, options, manifest);
  return { ...(await pixelsOf(canvas)), edit };
}

/** The fields that are refused, and why. */
async function refusal(files: EditFiles, options: EditOptions = {}, model = manifest): Promise<string> {
  const error = await prepareEdit(files, options, model).then(
    () => expect.unreachable(),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(Problem);
  return error.options.errors
    .map((one: { pointer: string; message: string }) => `${one.pointer} ${one.message}`)
    .join("; ");
}

describe("a canvas", () => {
  it("has the image's colours everywhere, and alpha 0 where the mask is white", async () => {
    const { at, edit, width, height } = await canvasOf({ image, mask: await maskOf(square) });
    expect([width, height]).toEqual([128, 128]);
    expect(edit).toEqual({ window: { left: 0, top: 0 }, mask_grow: 1, feather: 0, strength: 1 });
    for (const [x, y] of [
      [0, 0],
      [39, 50],
      [40, 50],
      [79, 89],
      [80, 89],
      [127, 127],
    ] as const)
      expect(at(x, y), `${x},${y}`).toEqual([...colours(x, y), square(x, y) ? 0 : 255]);
  });

  it("takes transparent pixels before light ones, from the mask or else from the image itself", async () => {
    const erased = painted({ paint: (x, y) => [...colours(x, y), square(x, y) ? 0 : 255] });
    const mask = await painted({ paint: (x, y) => [255, 255, 255, square(x, y) ? 127 : 128] })
      .png()
      .toBuffer();
    const own = await canvasOf({ image: await erased.png().toBuffer() }, { mask_grow: 0, feather: 3 });
    const given = await canvasOf({ image, mask });
    for (const { at } of [own, given]) {
      expect(at(60, 60)).toEqual([...colours(60, 60), 0]);
      expect(at(39, 60)).toEqual([...colours(39, 60), 255]);
    }
    expect(own.edit).toMatchObject({ mask_grow: 0, feather: 3 });
    const inverted = await canvasOf({ image, mask }, { mask_invert: true });
    expect([inverted.at(60, 60)[3], inverted.at(39, 60)[3]]).toEqual([255, 0]);
  });

  it("is masked as a whole by strength alone", async () => {
    const { data, edit } = await canvasOf({ image }, { strength: 0.5 });
    expect(edit.strength).toBe(0.5);
    for (let at = 3; at < data.length; at += 4) expect(data[at]).toBe(0);
  });

  it.each([
    ["left", [192, 128], { left: 0, top: 0 }, 10, 10],
    ["right", [192, 128], { left: 64, top: 0 }, 150, 10],
    ["top", [128, 192], { left: 0, top: 0 }, 10, 10],
    ["bottom", [128, 192], { left: 0, top: 64 }, 10, 150],
  ] as const)("grows by tokens to the %s, and the window lies there", async (side, size, window, newX, newY) => {
    const { at, width, height, data, edit } = await canvasOf({ image }, { extend: { [side]: 2 } });
    expect([width, height]).toEqual(size);
    expect(edit.window).toEqual(window);
    expect(at(newX, newY)[3]).toBe(0);
    expect(data.filter((value, index) => index % 4 === 3 && value === 0)).toHaveLength(64 * 128);
    const [left, top] = [side === "left" ? 64 : 0, side === "top" ? 64 : 0];
    expect(at(left + 5, top + 7)).toEqual([...colours(5, 7), 255]);
  });

  it("of an image that grew before goes on growing; the model sees the edge only", async () => {
    const wide = await painted({ width: 400, paint: colours }).png().toBuffer();
    const { width, edit } = await canvasOf({ image: wide }, { extend: { right: 1 } });
    expect([width, edit.window]).toEqual([432, { left: 304, top: 0 }]);
    const mask = await maskOf((x) => x < 10, 400);
    expect(await refusal({ image: wide, mask }, { extend: { right: 1 } })).toMatch(
      /^\/mask must mark nothing outside the/,
    );
  });

  it("fits images of other sizes as asked", async () => {
    const wide = await painted({ width: 256, paint: (x) => (x < 128 ? [255, 0, 0] : [0, 0, 255]) })
      .png()
      .toBuffer();
    const mask = await maskOf((x) => x < 128, 256);
    const cover = await canvasOf({ image: wide, mask }, { fit: "cover" });
    expect([cover.at(10, 64), cover.at(120, 64)]).toEqual([
      [255, 0, 0, 0],
      [0, 0, 255, 255],
    ]);
    const stretched = await canvasOf({ image: wide, mask }, { fit: "stretch" });
    expect([stretched.at(10, 5)[3], stretched.at(120, 120)[3]]).toEqual([0, 255]);
    const contained = await canvasOf({ image: wide }, { fit: "contain" });
    expect([contained.at(64, 10)[3], contained.at(64, 64)[3], contained.at(64, 110)[3]]).toEqual([0, 255, 0]);
    // The border continues the image until it is drawn.
    expect(contained.at(10, 0)).toEqual([255, 0, 0, 0]);
  });

  it("shows an image on white where a separate mask is given, and keeps the colours under a mask of its own", async () => {
    const shadow = await painted({ paint: (x) => [200, 0, 100, x < 64 ? 0 : x < 100 ? 102 : 255] })
      .png()
      .toBuffer();
    const own = await canvasOf({ image: shadow });
    expect([own.at(10, 5), own.at(70, 5)]).toEqual([
      [200, 0, 100, 0],
      [200, 0, 100, 0],
    ]);
    const { at } = await canvasOf({ image: shadow, mask: await maskOf((x) => x > 120) });
    expect([at(10, 5), at(70, 5), at(110, 5)]).toEqual([
      [255, 255, 255, 255],
      [233, 153, 193, 255],
      [200, 0, 100, 255],
    ]);
  });

  it("turns as EXIF asks, and takes every kind of pixel as sRGB of 8 bits", async () => {
    const mask = await maskOf(square);
    const halves = { paint: (x: number) => (x < 64 ? [255, 255, 255] : [0, 0, 0]) };
    const turned = await canvasOf({
      image: await painted(halves).jpeg({ quality: 100 }).withMetadata({ orientation: 6 }).toBuffer(),
      mask,
    });
    expect([turned.at(5, 5)[0]! > 200, turned.at(5, 120)[0]! < 50]).toEqual([true, true]);
    const kinds = {
      palette: painted(halves).png({ palette: true, colours: 2 }),
      grey: painted(halves).greyscale().png(),
      sixteen: painted(halves).toColourspace("rgb16").png(),
      greyJpeg: painted(halves).greyscale().jpeg({ quality: 100 }),
      cmyk: painted(halves).toColourspace("cmyk").jpeg({ quality: 100 }),
      profile: painted(halves).withIccProfile("p3").png(),
      webp: painted(halves).webp({ lossless: true }),
    };
    for (const [kind, encoded] of Object.entries(kinds)) {
      const { at } = await canvasOf({ image: await encoded.toBuffer(), mask });
      expect(
        at(5, 5)
          .slice(0, 3)
          .every((value) => value > 240),
        kind,
      ).toBe(true);
      expect(
        at(120, 5)
          .slice(0, 3)
          .every((value) => value < 30),
        kind,
      ).toBe(true);
    }
  });

  it("keeps no metadata", async () => {
    const secret = await painted({ paint: colours })
      .withExif({ IFD0: { Artist: "Secret" } })
      .png()
      .toBuffer();
    const { canvas } = await prepareEdit({ image: secret }, { strength: 1 }, manifest);
    expect(await sharp(canvas).metadata()).not.toHaveProperty("exif");
    expect(Buffer.from(canvas).includes("Secret")).toBe(false);
  });
});

describe("an edit is refused, with what would be right,", () => {
  it.each<[string, EditOptions, RegExp]>([
    ["if nothing is masked", {}, /^\/mask must be given.* `strength` varies/],
    ["if it inverts no mask", { mask_invert: true, strength: 1 }, /^\/mask_invert must be absent without a mask/],
    ["if nothing is left of the image", { extend: { top: 4 }, mask_grow: 0 }, /^\/extend must be at most 3 tokens for/],
    [
      "if the rings take what is left",
      { extend: { top: 3 } },
      /^\/extend must be at most 2 tokens with `mask_grow` 1 for/,
    ],
    [
      "if the rings take all",
      { extend: { left: 1 }, mask_grow: 3 },
      /^\/mask_grow must be at most 2 with `extend` for/,
    ],
  ])("%s", async (_, options, expected) => {
    expect(await refusal({ image }, options)).toMatch(expected);
  });

  it("if the mask marks nothing or has another size", async () => {
    const black = await maskOf(() => false);
    const white = await maskOf(() => true);
    const nothing = "/mask must mark something that is drawn again: it marks nothing";
    expect(await refusal({ image, mask: black })).toBe(nothing);
    expect(await refusal({ image, mask: black }, { extend: { left: 1 } })).toBe(nothing);
    expect(await refusal({ image, mask: white }, { mask_invert: true })).toBe(nothing);
    expect(await refusal({ image, mask: await maskOf(() => true, 64, 128) })).toBe(
      "/mask must have the image's size, 128x128, not 64x128",
    );
  });

  it("if scaling leaves nothing of the mask", async () => {
    const large = { width: 512, height: 1024 };
    const wide = await painted({ ...large, paint: () => [90, 90, 90] })
      .png()
      .toBuffer();
    const dot = (x: number, y: number) => x === 256 && y === 1;
    const transparent = await painted({ ...large, paint: (x, y) => [255, 255, 255, dot(x, y) ? 0 : 255] })
      .png()
      .toBuffer();
    const nothing = "must mark something that is drawn again: after scaling (`fit`), no marked pixel is left";
    for (const mask of [await maskOf(dot, 512, 1024), transparent]) {
      expect(await refusal({ image: wide, mask }, { fit: "stretch" })).toBe(`/mask ${nothing}`);
      expect(await refusal({ image: wide, mask }, { fit: "cover" })).toBe(`/mask ${nothing}`);
    }
    expect(await refusal({ image: transparent }, { fit: "cover", strength: 0.5 })).toBe(`/image ${nothing}`);
  });

  it("if the image has another size", async () => {
    const small = await painted({ width: 100, height: 90, paint: colours }).png().toBuffer();
    expect(await refusal({ image: small }, { strength: 1 })).toBe(
      "/image must be 128 pixels wide and 128 high for demo, not 100x90, unless `fit` is cover, contain or stretch",
    );
    expect(await refusal({ image: small }, { extend: { left: 1 } })).toContain("96 to 2016 pixels wide and 128 high");
  });

  it("if the model has no encoder", async () => {
    expect(await refusal({ image }, { strength: 1 }, exampleManifest())).toMatch(
      /^\/model must name a model that has an encoder: demo has none\. Import it again/,
    );
  });
});
