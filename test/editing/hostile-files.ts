import { crc32, deflateSync } from "node:zlib";
import { colours, painted } from "./example-images.js";

/** Files that no server should swallow, by what is wrong with them. */
export type HostileFiles = Readonly<Record<string, Uint8Array>>;

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(type: string, content: Uint8Array, crc?: number): Buffer {
  const bytes = Buffer.alloc(content.length + 12);
  bytes.writeUInt32BE(content.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(content, 8);
  bytes.writeUInt32BE(crc ?? crc32(bytes.subarray(4, content.length + 8)), content.length + 8);
  return bytes;
}

interface Header {
  readonly width?: number;
  readonly height?: number;
  readonly depth?: number;
  readonly colour?: number;
  readonly interlace?: number;
}

function ihdr({ width = 128, height = 128, depth = 8, colour = 2, interlace = 0 }: Header = {}): Buffer {
  const content = Buffer.alloc(13);
  content.writeUInt32BE(width, 0);
  content.writeUInt32BE(height, 4);
  content.set([depth, colour, 0, 0, interlace], 8);
  return chunk("IHDR", content);
}

const END = chunk("IEND", new Uint8Array());
const png = (...chunks: Uint8Array[]) => Buffer.concat([SIGNATURE, ...chunks, END]);
const pixels = (bytes: number) => chunk("IDAT", deflateSync(Buffer.alloc(bytes)));
const GOOD_PIXELS = pixels(128 * (1 + 3 * 128));

/** The file cut off at many places. */
function cut(name: string, file: Uint8Array, places: number): [string, Uint8Array][] {
  return Array.from({ length: places }, (_, place) => {
    const length = Math.floor((file.length * (place + 0.5)) / places);
    return [`${name} cut off after ${length} bytes`, file.subarray(0, length)];
  });
}

/** PNGs that claim sizes that they don't have. */
function bombs(): [string, Uint8Array][] {
  const sizes = [4097, 16_384, 65_535, 65_536, 1_000_000, 2 ** 31 - 1];
  const claims = sizes.flatMap((width) => sizes.map((height) => ({ width, height })));
  return claims.map((size) => [`PNG of ${size.width}x${size.height}`, png(ihdr(size), GOOD_PIXELS)]);
}

/** Headers and chunks that PNG does not allow. */
function brokenPngs(): [string, Uint8Array][] {
  const headers: Header[] = [
    { width: 0 },
    { height: 0 },
    { width: 2 ** 31 },
    { width: 2 ** 32 - 1, height: 2 ** 32 - 1 },
    ...[0, 3, 5, 7, 9, 15, 17, 32, 255].map((depth) => ({ depth })),
    ...[1, 5, 7, 8, 255].map((colour) => ({ colour })),
    { colour: 3, depth: 16 },
    { interlace: 2 },
    { interlace: 255 },
  ];
  const palette = ihdr({ colour: 3 });
  const indices = pixels(128 * 129);
  const files: Record<string, Uint8Array> = {
    "no header": png(GOOD_PIXELS),
    "no pixels": png(ihdr()),
    "too few pixels": png(ihdr(), pixels(1000)),
    "pixels that are no zlib stream": png(ihdr(), chunk("IDAT", Buffer.alloc(5000, 7))),
    "pixels with a wrong checksum": png(ihdr(), chunk("IDAT", deflateSync(Buffer.alloc(49_280)), 1)),
    "a header with a wrong checksum": png(chunk("IHDR", ihdr().subarray(8, 21), 1), GOOD_PIXELS),
    "a header that is too short": png(chunk("IHDR", Buffer.alloc(12)), GOOD_PIXELS),
    "a header that is too long": png(
      chunk("IHDR", Buffer.concat([ihdr().subarray(8, 21), Buffer.alloc(9)])),
      GOOD_PIXELS,
    ),
    "the pixels before the header": png(GOOD_PIXELS, ihdr()),
    "no palette": png(palette, indices),
    "an empty palette": png(palette, chunk("PLTE", new Uint8Array()), indices),
    "a palette of two bytes": png(palette, chunk("PLTE", Buffer.alloc(2)), indices),
    "a palette of 300 colours": png(palette, chunk("PLTE", Buffer.alloc(900)), indices),
    "a chunk of 2 GiB": Buffer.concat([SIGNATURE, ihdr(), Buffer.from([0x7f, 0xff, 0xff, 0xff]), Buffer.from("tEXt")]),
    "a chunk of 4 GiB": Buffer.concat([SIGNATURE, ihdr(), Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.from("tEXt")]),
    animation: png(ihdr(), chunk("acTL", Buffer.from([0, 0, 0, 2, 0, 0, 0, 0])), GOOD_PIXELS),
    "animation after a hundred thousand chunks": png(
      ihdr(),
      Buffer.concat(Array(100_000).fill(chunk("teXt", new Uint8Array()))),
      chunk("acTL", Buffer.from([0, 0, 0, 2, 0, 0, 0, 0])),
      GOOD_PIXELS,
    ),
  };
  return [
    ...headers.map((header): [string, Uint8Array] => [
      `PNG with ${JSON.stringify(header)}`,
      png(ihdr(header), GOOD_PIXELS),
    ]),
    ...Object.entries(files).map(([name, file]): [string, Uint8Array] => [`PNG with ${name}`, file]),
  ];
}

/** Begins of files of other kinds, also before a good image. */
function otherKinds(good: Uint8Array): [string, Uint8Array][] {
  const begins = {
    GIF: "GIF89a\x80\x00\x80\x00\xf7\x00\x00",
    BMP: "BM\x36\xc0\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00",
    "little-endian TIFF": "II*\0\x08\0\0\0",
    "big-endian TIFF": "MM\0*\0\0\0\x08",
    HEIC: "\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    AVIF: "\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    "MP4 video": "\0\0\0\x18ftypisom\0\0\x02\0isomiso2",
    "JPEG XL": "\xff\x0a\xfa\x01",
    "JPEG XL in a box": "\0\0\0\x0cJXL \r\n\x87\n",
    "JPEG 2000": "\0\0\0\x0cjP  \r\n\x87\n",
    ICO: "\0\0\x01\0\x01\0",
    Photoshop: "8BPS\0\x01",
    PDF: "%PDF-1.7\n",
    PostScript: "%!PS-Adobe-3.0 EPSF-3.0\n",
    ZIP: "PK\x03\x04\x14\0",
    gzip: "\x1f\x8b\x08\0",
    ELF: "\x7fELF\x02\x01\x01",
    SVG: '<svg xmlns="http://www.w3.org/2000/svg" width="128" height="128"/>',
    "SVG with a file": '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY f SYSTEM "file:///etc/passwd">]><svg>&f;</svg>',
    HTML: "<!DOCTYPE html><script>alert(1)</script>",
    script: "#!/bin/sh\n",
    JSON: '{"image": "x"}',
    text: "an image, honestly",
    RIFF: "RIFF\x10\0\0\0WAVEfmt ",
    zeros: "\0\0\0\0\0\0\0\0",
    "one byte": "\x89",
    "a comment before HTML": "GIF89a/*",
  };
  return Object.entries(begins).flatMap(([name, text]): [string, Uint8Array][] => {
    const begin = Buffer.from(text, "latin1");
    return [
      [name, begin],
      [`${name} before a PNG`, Buffer.concat([begin, good])],
    ];
  });
}

/** A WebP whose header is changed. */
function brokenWebps(webp: Buffer): [string, Uint8Array][] {
  const animated = Buffer.alloc(30);
  animated.write("RIFF", 0, "latin1");
  animated.writeUInt32LE(22, 4);
  animated.write("WEBPVP8X", 8, "latin1");
  animated.writeUInt32LE(10, 16);
  animated[20] = 2;
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(webp);
    copy.set(bytes, at);
    return copy;
  };
  return [
    ["animated WebP", animated],
    ["WebP with a wrong kind of chunk", changed(12, 0x56, 0x50, 0x38, 0x5a)],
    ["WebP with a chunk of 4 GiB", changed(16, 0xff, 0xff, 0xff, 0xff)],
    ["WebP with a wrong signature of its stream", changed(20, 0, 0, 0, 0)],
  ];
}

/** A JPEG with parts of it changed. */
function brokenJpegs(jpeg: Buffer): [string, Uint8Array][] {
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(jpeg);
    copy.set(bytes, at);
    return copy;
  };
  return [
    ["JPEG of 65535x65535", changed(frame + 5, 0xff, 0xff, 0xff, 0xff)],
    ["JPEG of 0x0", changed(frame + 5, 0, 0, 0, 0)],
    ["JPEG with 12 bits", changed(frame + 4, 12)],
    ["JPEG with 200 components", changed(frame + 9, 200)],
    ["JPEG with lossless coding", changed(frame + 1, 0xc3)],
    ["JPEG with arithmetic coding and no tables", changed(frame + 1, 0xcb)],
    ["JPEG that ends after its markers", Buffer.concat([jpeg.subarray(0, 20), Buffer.from([0xff, 0xd9])])],
    ["JPEG of nothing but a begin", Buffer.from([0xff, 0xd8, 0xff])],
    ["JPEG of markers without end", Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(100_000, 0xff)])],
  ];
}

/** More than two hundred files, each of which must be refused. */
export async function hostileFiles(): Promise<HostileFiles> {
  const image = painted({ paint: colours });
  const good = await image.clone().png().toBuffer();
  const jpeg = await image.clone().jpeg().toBuffer();
  const progressive = await image.clone().jpeg({ progressive: true }).toBuffer();
  const webp = await image.clone().webp().toBuffer();
  const lossless = await image.clone().webp({ lossless: true }).toBuffer();
  return Object.fromEntries([
    ...cut("PNG", good, 24),
    ...cut("JPEG", jpeg, 24),
    ...cut("progressive JPEG", progressive, 12),
    ...cut("WebP", webp, 16),
    ...cut("lossless WebP", lossless, 16),
    ...bombs(),
    ...brokenPngs(),
    ...otherKinds(good),
    ...brokenWebps(webp),
    ...brokenJpegs(jpeg),
  ]);
}

/** Files that are odd, but whole images: whatever else they carry is dropped. */
export async function oddFiles(): Promise<HostileFiles> {
  const image = painted({ paint: colours });
  const good = await image.clone().png().toBuffer();
  const text = (bytes: number) =>
    chunk("zTXt", Buffer.concat([Buffer.from("a\0\0"), deflateSync(Buffer.alloc(bytes))]));
  const after = (file: Uint8Array, more: string) => Buffer.concat([file, Buffer.from(more, "latin1")]);
  return {
    "PNG with 100 MB of compressed text": png(ihdr(), text(100e6), GOOD_PIXELS),
    "PNG with a ZIP behind it": after(good, "PK\x03\x04secret"),
    "PNG with HTML behind it": after(good, "<script>secret</script>"),
    "JPEG with HTML behind it": after(await image.clone().jpeg().toBuffer(), "<script>secret</script>"),
  };
}
