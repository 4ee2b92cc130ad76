import { chmodSync, closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openTyped } from "../../families/mar/typed-runtime.js";
import { TINY_ARCHITECTURE, tinyWeights, writeTinyModel } from "../tiny.js";

let folder: string;
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The bytes that decode makes of an image of one colour, given in [-1, 1]: its last convolution is its bias alone. */
async function pixelsOf(red: number, green: number, blue: number): Promise<number[]> {
  folder = writeTinyModel({});
  overwrite("tokenizer.decoder.conv_out.weight", (bytes) => new Uint8Array(bytes));
  overwrite("tokenizer.decoder.conv_out.bias", () => new Uint8Array(Float32Array.of(red, green, blue).buffer));
  const runtime = await openTyped(folder, TINY_ARCHITECTURE);
  const { latent_channels, latent_height, latent_width } = TINY_ARCHITECTURE.tokenizer;
  const { pixels } = await runtime.decode(new Float32Array(latent_channels * latent_height * latent_width));
  await runtime.close();
  return [...pixels.subarray(0, 3)];
}

function overwrite(weight: string, content: (byteLength: number) => Uint8Array): void {
  const { location, offset, byteLength } = tinyWeights().get(weight)!;
  const path = join(folder, location);
  chmodSync(path, 0o600); // the recordings may be read-only, and so their copies
  const file = openSync(path, "r+");
  writeSync(file, content(byteLength), 0, byteLength, offset);
  closeSync(file);
}

/** A colour that is exactly halfway between two bytes in the graph's arithmetic. */
function halfway(lower: number): number {
  const colour = Math.fround((lower + 0.5) / 127.5 - 1);
  const scaled = Math.fround(Math.fround(colour + 1) * 127.5);
  expect(scaled).toBe(lower + 0.5);
  return colour;
}

test("a colour halfway between two bytes becomes the even one", async () => {
  expect(await pixelsOf(halfway(64), halfway(65), halfway(126))).toEqual([64, 66, 126]);
});

test("a colour out of range becomes the nearest byte", async () => {
  expect(await pixelsOf(1.5, -1.5, 40)).toEqual([255, 0, 255]);
});
