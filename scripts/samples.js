// Makes a model's sample sheet: one little image of each class, which the playground shows beside the class's name. Asks
// a running service for the images: `npm run samples -- http://127.0.0.1:8080 demo models/demo/samples.webp`.
import sharp from "sharp";

const TILE_PIXELS = 64;
const SEED = 7;
const AT_ONCE = 8;

const [address, model, file] = process.argv.slice(2);
if (!file) {
  console.error("npm run samples -- ADDRESS MODEL FILE, such as http://127.0.0.1:8080 demo models/demo/samples.webp");
  process.exit(2);
}

const headers = process.env.MARIMBA_API_KEY ? { Authorization: `Bearer ${process.env.MARIMBA_API_KEY}` } : {};

async function ask(path, options = {}) {
  const response = await fetch(new URL(path, address), { ...options, headers: { ...headers, ...options.headers } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

async function tile(index, columns) {
  const response = await ask("/generate", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "image/png" },
    body: JSON.stringify({ model, class: index, seed: SEED }),
  });
  const image = Buffer.from(await response.arrayBuffer());
  const input = await sharp(image).resize(TILE_PIXELS, TILE_PIXELS).png().toBuffer();
  return { input, left: (index % columns) * TILE_PIXELS, top: Math.floor(index / columns) * TILE_PIXELS };
}

const { class_count: count } = await (await ask(`/models/${model}`)).json();
const columns = Math.ceil(Math.sqrt(count));
const width = columns * TILE_PIXELS;
const height = Math.ceil(count / columns) * TILE_PIXELS;
const tiles = [];
for (let first = 0; first < count; first += AT_ONCE) {
  const indices = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, i) => first + i);
  tiles.push(...(await Promise.all(indices.map((index) => tile(index, columns)))));
  console.log(`${tiles.length} of ${count}`);
}
const sheet = sharp({ create: { width, height, channels: 3, background: "#808080" } }).composite(tiles);
const { size } = await sheet.webp({ quality: 82, effort: 6 }).toFile(file);
console.log(`${file}: ${width} x ${height} pixels, ${size} bytes`);
