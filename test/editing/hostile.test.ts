import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { prepareEdit } from "../../src/editing/canvas.js";
import { Problem } from "../../src/errors.js";
import { editableManifest, maskOf, painted } from "./example-images.js";
import { hostileFiles, oddFiles } from "./hostile-files.js";

const manifest = editableManifest();
const MIB = 1024 * 1024;

describe("hostile uploads", () => {
  it("are refused one by one, as an image and as a mask, in bounded memory", async () => {
    const image = await painted({ paint: () => [9, 9, 9] })
      .png()
      .toBuffer();
    const mask = await maskOf((x) => x < 9);
    const files = Object.entries(await hostileFiles());
    expect(files.length).toBeGreaterThanOrEqual(200);
    const before = process.memoryUsage().rss;
    let mostBytes = 0;
    for (const [name, file] of files) {
      const attempts = { image: { image: file, mask }, mask: { image, mask: file } };
      for (const [field, upload] of Object.entries(attempts)) {
        const error = await prepareEdit(upload, { fit: "cover" }, manifest).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error, `${name} as ${field}`).toBeInstanceOf(Problem);
        const { status, options } = error as Problem;
        expect([status, options.errors?.map(({ pointer }) => pointer)], name).toEqual([400, [`/${field}`]]);
      }
      mostBytes = Math.max(mostBytes, process.memoryUsage().rss - before);
    }
    expect(mostBytes).toBeLessThan(256 * MIB);
  });

  it("that are whole images lose all else that they carry", async () => {
    for (const [name, file] of Object.entries(await oddFiles())) {
      const { canvas } = await prepareEdit({ image: file }, { strength: 1 }, manifest);
      expect(Buffer.from(canvas).includes("secret"), name).toBe(false);
      expect(canvas.byteLength, name).toBeLessThan(200_000);
      expect(await sharp(canvas).metadata(), name).toMatchObject({ width: 128, height: 128 });
    }
  });
});
