import { Problem } from "../errors.js";
import { MAX_SIDE } from "../job.js";
import { canEdit, EDIT_DEFAULTS, type Edit, tokenSize } from "../model/edit.js";
import { FAMILY_TRAITS } from "../model/family-traits.js";
import { familyName, type Manifest, makesCodes } from "../model/manifest.js";
import { decode, encodeCanvas, hasAlpha, type Pixels, type Size, sizeOf } from "./decode.js";
import type { EditOptions } from "./edit-request.js";
import { badFields, badUpload, recognize, type Upload } from "./upload.js";

/** Image files as they came from a client. */
export interface EditFiles {
  readonly image: Uint8Array;
  readonly mask?: Uint8Array | typeof EVERYTHING | undefined;
}

/** In place of a mask: the whole image is drawn again, whatever its own transparent pixels say. */
export const EVERYTHING = "everything" as const;

/** What a job edits and how, as the queue takes it. */
export interface PreparedEdit {
  readonly edit: Edit;
  /** PNG. */
  readonly canvas: Uint8Array;
}

/** Where the uploaded image lies on the canvas. */
interface Placement {
  readonly canvas: Size;
  /** The image's place and size there; it may hang over (`cover`). */
  readonly image: Size & { readonly left: number; readonly top: number };
  /** The window's place; it has the size of the model's images. */
  readonly window: Edit["window"];
}

/**
 * Turns uploaded files into the canvas that a job edits. Throws `invalid_request` with a pointer to `/image`, `/mask` or the
 * option that does not fit, before anything large is decoded. With `variation`, an image in which nothing is masked is varied
 * with this strength.
 */
export async function prepareEdit(
  files: EditFiles,
  options: EditOptions,
  manifest: Manifest,
  variation?: number,
): Promise<PreparedEdit> {
  checkEditable(manifest);
  const image = recognize(files.image, "/image");
  const mask = files.mask && files.mask !== EVERYTHING ? recognize(files.mask, "/mask") : undefined;
  const size = await sizeOf(image);
  const placement = place(size, options, manifest);
  if (mask) await checkMaskSize(mask, size);
  const { fit } = options;
  const resize = fit && ({ ...sizeOnly(placement.image), fit: fit === "cover" ? "cover" : "fill" } as const);
  const pixels = await decode(image, resize);
  const everything = new Uint8Array(pixels.width * pixels.height).fill(1);
  const source = mask ? await decode(mask, resize) : pixels;
  const isByAlpha = files.mask !== EVERYTHING && (await hasTransparent(mask ?? image, source, resize !== undefined));
  const by = isByAlpha ? "alpha" : mask && "light";
  const marked = files.mask === EVERYTHING ? everything : markMask(source, by, mask ? "/mask" : "/image", options);
  const isVaried = variation !== undefined && !marked && !options.extend && fit !== "contain";
  const canvas = draw(isByAlpha && !mask ? pixels : onWhite(pixels), isVaried ? everything : marked, placement);
  checkMask(canvas, placement, manifest, mask ? "/mask" : "/image");
  return {
    canvas: await encodeCanvas(canvas),
    edit: {
      window: placement.window,
      mask_grow: options.mask_grow ?? EDIT_DEFAULTS.mask_grow,
      feather: options.feather ?? EDIT_DEFAULTS.feather,
      strength: options.strength ?? (isVaried ? variation : EDIT_DEFAULTS.strength),
    },
  };
}

function checkEditable({ name, architecture }: Manifest): void {
  if (canEdit(architecture)) return;
  const { generator } = architecture;
  const family = familyName(generator);
  const cannot = `must name a model that can edit images: ${name} is`;
  const message = !FAMILY_TRAITS[family].canEdit
    ? `${cannot} of the family ${family}, which can't`
    : makesCodes(generator)
      ? `${cannot} one that draws codes, which can't`
      : `must name a model that has an encoder: ${name} has none. Import it again, with a tokenizer that has one`;
  throw new Problem("not_editable", `model ${message}.`, { errors: [{ pointer: "/model", message }] });
}

function place(size: Size, options: EditOptions, manifest: Manifest): Placement {
  const { fit, extend = {}, mask_grow = EDIT_DEFAULTS.mask_grow } = options;
  const { image_width, image_height } = manifest.architecture.tokenizer;
  const model = { width: image_width, height: image_height };
  const { left = 0, right = 0, top = 0, bottom = 0 } = extend;
  checkExtension({ columns: left + right, rows: top + bottom }, mask_grow, manifest);
  const token = tokenSize(manifest.architecture);
  const grown = { width: (left + right) * token.width, height: (top + bottom) * token.height };
  const fitted = fit ? fitInto(model, size, fit) : { ...size, left: 0, top: 0 };
  const whole = fit ? model : size;
  const canvas = { width: whole.width + grown.width, height: whole.height + grown.height };
  checkSize(size, canvas, grown, model, manifest.name);
  return {
    canvas,
    image: { ...fitted, left: fitted.left + left * token.width, top: fitted.top + top * token.height },
    // The model sees the edge that grows.
    window: { left: right > 0 ? canvas.width - model.width : 0, top: bottom > 0 ? canvas.height - model.height : 0 },
  };
}

/** Along each axis: as large as the model's images, or where the image grows, at least so large with what is added. */
function checkSize(size: Size, canvas: Size, grown: Size, model: Size, name: string): void {
  const fits = (side: keyof Size) =>
    grown[side] > 0 ? canvas[side] >= model[side] && canvas[side] <= MAX_SIDE : canvas[side] === model[side];
  if (fits("width") && fits("height")) return;
  const range = (side: keyof Size) =>
    grown[side] > 0 ? `${Math.max(1, model[side] - grown[side])} to ${MAX_SIDE - grown[side]}` : `${model[side]}`;
  const wanted = `must be ${range("width")} pixels wide and ${range("height")} high for ${name}`;
  throw badUpload("/image", `${wanted}, not ${size.width}x${size.height}, unless \`fit\` is cover, contain or stretch`);
}

/** The model must see a part of the image, which the rings around the new tokens would take from it. */
function checkExtension(
  { columns, rows }: { columns: number; rows: number },
  maskGrow: number,
  manifest: Manifest,
): void {
  const { grid_width, grid_height } = manifest.architecture.generator;
  const side = columns > 0 ? grid_width : grid_height;
  const most = side - 1 - maskGrow;
  if (columns + rows === 0 || columns + rows <= most) return;
  if (most < 1) throw badUpload("/mask_grow", `must be at most ${side - 2} with \`extend\` for ${manifest.name}`);
  const kept = maskGrow === 0 ? "" : ` with \`mask_grow\` ${maskGrow}`;
  throw badUpload(
    "/extend",
    `must be at most ${most} tokens${kept} for ${manifest.name}, which must see a part of the image`,
  );
}

function fitInto(model: Size, size: Size, fit: NonNullable<EditOptions["fit"]>): Placement["image"] {
  if (fit !== "contain") return { ...model, left: 0, top: 0 };
  const scale = Math.min(model.width / size.width, model.height / size.height);
  const width = Math.max(1, Math.round(size.width * scale));
  const height = Math.max(1, Math.round(size.height * scale));
  return { width, height, left: (model.width - width) >> 1, top: (model.height - height) >> 1 };
}

function sizeOnly({ width, height }: Size): Size {
  return { width, height };
}

async function checkMaskSize(mask: Upload, { width, height }: Size): Promise<void> {
  const size = await sizeOf(mask);
  if (size.width === width && size.height === height) return;
  throw badUpload("/mask", `must have the image's size, ${width}x${height}, not ${size.width}x${size.height}`);
}

/** Alpha below it counts as transparent, and luminance from it on as light. */
const HALF = 128;

function isTransparent(rgba: Uint8Array, pixel: number): boolean {
  return rgba[4 * pixel + 3]! < HALF;
}

function isLight(rgba: Uint8Array, pixel: number): boolean {
  const at = 4 * pixel;
  return 0.299 * rgba[at]! + 0.587 * rgba[at + 1]! + 0.114 * rgba[at + 2]! >= HALF;
}

/** Whether the file has transparent pixels. Scaling can lose them, and then its light pixels must not count instead. */
async function hasTransparent(upload: Upload, decoded: Pixels, isScaled: boolean): Promise<boolean> {
  const { rgba } = isScaled && (await hasAlpha(upload)) ? await decode(upload) : decoded;
  for (let pixel = 0; pixel < rgba.length / 4; pixel++) if (isTransparent(rgba, pixel)) return true;
  return false;
}

/** Which pixels of the uploaded image are drawn again; undefined where nothing says so. */
function markMask(
  { rgba, width, height }: Pixels,
  by: "alpha" | "light" | undefined,
  pointer: string,
  { mask_invert, extend, strength, fit }: EditOptions,
): Uint8Array | undefined {
  const marked = new Uint8Array(width * height);
  if (!by) {
    if (mask_invert) throw badUpload("/mask_invert", "must be absent without a mask or transparent pixels");
    return strength !== undefined && !extend ? marked.fill(1) : undefined;
  }
  const isMarked = by === "alpha" ? isTransparent : isLight;
  for (let pixel = 0; pixel < marked.length; pixel++) marked[pixel] = Number(isMarked(rgba, pixel) !== !!mask_invert);
  if (marked.includes(1)) return marked;
  const reason = fit ? "after scaling (`fit`), no marked pixel is left" : "it marks nothing";
  throw badUpload(pointer, `must mark something that is drawn again: ${reason}`);
}

/** Without the transparency that is no mask: below it, files have any colours, which nobody sees. */
function onWhite({ rgba, width, height }: Pixels): Pixels {
  const opaque = rgba.map((value, at) => {
    const alpha = rgba[at | 3]!;
    return at % 4 === 3 ? 255 : Math.round((value * alpha + 255 * (255 - alpha)) / 255);
  });
  return { rgba: opaque, width, height };
}

/** The canvas. What the image does not cover is drawn again, and until then continues the image's edge. */
function draw(image: Pixels, marked: Uint8Array | undefined, placement: Placement): Pixels {
  const { width, height } = placement.canvas;
  const { left, top } = placement.image;
  const rgba = new Uint8Array(width * height * 4);
  const within = (at: number, size: number) => Math.min(Math.max(at, 0), size - 1);
  for (let y = 0; y < height; y++) {
    const row = within(y - top, image.height);
    for (let x = 0; x < width; x++) {
      const column = within(x - left, image.width);
      const from = row * image.width + column;
      const isNew = row !== y - top || column !== x - left;
      const to = (y * width + x) * 4;
      for (let channel = 0; channel < 3; channel++) rgba[to + channel] = image.rgba[4 * from + channel]!;
      rgba[to + 3] = isNew || marked?.[from] ? 0 : 255;
    }
  }
  return { rgba, width, height };
}

/** The mask must have something inside the window, and nothing outside it, which the model could not draw. */
function checkMask({ rgba, width, height }: Pixels, { window }: Placement, manifest: Manifest, pointer: string): void {
  const { image_width, image_height } = manifest.architecture.tokenizer;
  const { left, top } = window;
  let isMarked = false;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (rgba[(y * width + x) * 4 + 3] !== 0) continue;
      isMarked = true;
      if (x >= left && x < left + image_width && y >= top && y < top + image_height) continue;
      const seen = `${image_width}x${image_height} pixels at the edge that is extended`;
      throw badUpload(pointer, `must mark nothing outside the ${seen}: the model sees no more`);
    }
  }
  if (isMarked) return;
  const message =
    "must be given, or the image have transparent pixels: nothing is masked. `strength` varies the whole image, `extend` makes it larger";
  throw badFields([{ pointer: "/mask", message }]);
}
