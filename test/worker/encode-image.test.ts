import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { encodeImage, imageFacts, type Output } from "../../src/worker/encode-image.js";
import { exampleManifest } from "../model/example-manifest.js";
import { exampleJob } from "../queue/example-job.js";
import { readPngText } from "./png-chunks.js";

const manifest = exampleManifest();
manifest.classes[0]!.name = 'étoile de mer "海星"';
const request = { parameters: exampleJob().parameters, seed: 7, imageIndex: 1 };
const facts = imageFacts(request, manifest);

/** A gradient, which every format keeps well. */
const [width, height] = [48, 32];
const pixels = new Uint8Array(width * height * 3).map((_, at) => {
  const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)];
  return [5 * x, 7 * y, 255 - 5 * x][at % 3]!;
});
const encode = async (output: Output) => Buffer.from(await encodeImage({ pixels, width, height }, facts, output));

/** Tag 0x010e of IFD0, read by EXIF 2.32 and TIFF 6.0, independently of the library that wrote it. */
async function imageDescription(image: Buffer): Promise<string> {
  const exif = (await sharp(image).metadata()).exif!;
  const tiff = exif.subarray(exif.indexOf("II*\0"));
  const ifd = tiff.readUInt32LE(4);
  for (let entry = ifd + 2; entry < ifd + 2 + 12 * tiff.readUInt16LE(ifd); entry += 12) {
    if (tiff.readUInt16LE(entry) !== 0x010e) continue;
    const [length, from] = [tiff.readUInt32LE(entry + 4), tiff.readUInt32LE(entry + 8)];
    return tiff.toString("ascii", from, from + length - 1);
  }
  throw new Error("The EXIF has no ImageDescription.");
}

describe("encodeImage", () => {
  it.each(["png", "jpeg", "webp"] as const)("encodes equal pixels as equal bytes: %s", async (output_format) => {
    const output_size = { width: 96, height: 40, scaling: "smooth" } as const;
    for (const output of [{ output_format }, { output_format, output_size }]) {
      const image = await encode(output);
      expect((await encode(output)).equals(image)).toBe(true);
      const size = "output_size" in output ? { width: 96, height: 40 } : { width, height };
      expect(await sharp(image).metadata()).toMatchObject({ format: output_format, channels: 3, ...size });
    }
  });

  it.each(["jpeg", "webp"] as const)("writes into a %s what it writes into a PNG", async (output_format) => {
    const output_size = { width: 96, height: 40, scaling: "smooth" } as const;
    const text = readPngText(await encode({ output_format: "png", output_size }));
    const description = await imageDescription(await encode({ output_format, output_compression: 80, output_size }));
    expect(description).toMatch(/^[ -~]+$/);
    expect(JSON.parse(description)).toEqual({ ...text, output_compression: "80" });
    expect(text.class_name).toBe('étoile de mer "海星"');
  });

  it.each(["jpeg", "webp"] as const)("keeps more of the image with a higher compression value: %s", async (format) => {
    const error = async (output_compression?: number) => {
      const image = await encode({
        output_format: format,
        ...(output_compression !== undefined && { output_compression }),
      });
      const decoded = await sharp(image).raw().toBuffer();
      return {
        bytes: image.length,
        mean: pixels.reduce((sum, one, at) => sum + Math.abs(one - decoded[at]!), 0) / pixels.length,
      };
    };
    const [least, some, best] = [await error(0), await error(60), await error()];
    expect(least.mean).toBeGreaterThan(some.mean);
    expect(some.mean).toBeGreaterThan(best.mean);
    expect(best.mean).toBeLessThan(2);
    expect(least.bytes).toBeLessThan(best.bytes);
    expect(await error(100)).toEqual(best);
  });
});
