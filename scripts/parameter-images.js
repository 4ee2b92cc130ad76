// Makes the images of docs/parameters.md: for each parameter one sheet, a column for each value and a row for each class,
// all from one seed. Asks a running service: `npm run parameter-images -- http://127.0.0.1:8080 docs/parameters`; names
// after that choose sheets.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";

const SEED = 7;
const CLASSES = ["cat", "house", "flower"];
const TILE_PIXELS = 96;
const GAP_PIXELS = 4;
const LABEL_PIXELS = 24;

/** For each sheet its values; `fixed` is what the request states besides. */
const SHEETS = {
  preset: { values: ["exact", "balanced", "fast"] },
  seed: { values: [1, 2, 3, 4, 5, 6] },
  guidance_scale: { values: [1, 2, 3, 5, 10, 20] },
  guidance_schedule: { values: ["linear", "constant"], fixed: { guidance_scale: 4 } },
  steps: { values: [2, 4, 8, 16, 32, 64] },
  temperature: { values: [0, 0.3, 0.6, 1, 1.5, 2] },
  diffusion_steps: { values: [2, 5, 10, 25, 50, 100] },
  max_timestep: { values: [300, 500, 700, 900, 940, 999], fixed: { diffusion_steps: 10 } },
  order: { values: ["random", "raster", "checkerboard"], fixed: { steps: 8 } },
};

const [address, folder, ...chosen] = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(SHEETS, name));
if (!folder || unknown.length > 0) {
  const names = Object.keys(SHEETS).join(", ");
  console.error(`npm run parameter-images -- ADDRESS FOLDER [SHEET...], such as http://127.0.0.1:8080 docs/parameters`);
  console.error(unknown.length > 0 ? `There is no sheet ${unknown.join(", ")}: ${names}.` : `Sheets: ${names}.`);
  process.exit(2);
}
const key = process.env.MARIMBA_API_KEY;

async function image(body) {
  const response = await fetch(new URL("/generate", address), {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "image/png",
      ...(key && { Authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${JSON.stringify(body)}: ${response.status} ${await response.text()}`);
  return sharp(Buffer.from(await response.arrayBuffer()))
    .resize(TILE_PIXELS, TILE_PIXELS)
    .png()
    .toBuffer();
}

/** The value above its column. */
function label(text) {
  const style = `font-family="DejaVu Sans, sans-serif" font-size="13" text-anchor="middle" fill="#444"`;
  const words = `<text x="${TILE_PIXELS / 2}" y="16" ${style}>${text}</text>`;
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${TILE_PIXELS}" height="${LABEL_PIXELS}">${words}</svg>`,
  );
}

async function sheet(name) {
  const { values, fixed } = SHEETS[name];
  const place = (index) => index * (TILE_PIXELS + GAP_PIXELS);
  const parts = values.flatMap((value, column) => [
    { input: label(String(value)), left: place(column), top: 0 },
    ...CLASSES.map((className, row) => ({
      input: image({ class: className, seed: SEED, ...fixed, [name]: value }),
      left: place(column),
      top: LABEL_PIXELS + place(row),
    })),
  ]);
  const tiles = await Promise.all(parts.map(async (part) => ({ ...part, input: await part.input })));
  const width = place(values.length) - GAP_PIXELS;
  const height = LABEL_PIXELS + place(CLASSES.length) - GAP_PIXELS;
  const file = join(folder, `${name}.webp`);
  const { size } = await sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
    .composite(tiles)
    .webp({ quality: 80, effort: 6 })
    .toFile(file);
  console.log(`${file}: ${width} x ${height} pixels, ${size} bytes`);
}

await mkdir(folder, { recursive: true });
for (const name of chosen.length > 0 ? chosen : Object.keys(SHEETS)) await sheet(name);
