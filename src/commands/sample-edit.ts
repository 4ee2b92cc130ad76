import { readFile } from "node:fs/promises";
import type { ParseArgsConfig } from "node:util";
import { prepareEdit } from "../editing/canvas.js";
import { EditOptions } from "../editing/edit-request.js";
import { type OpenCanvas, openCanvas } from "../editing/paste.js";
import { fileErrorReason } from "../files/file-errors.js";
import { type Edit, maskedTokens, sampledTokenCount } from "../model/edit.js";
import type { Manifest } from "../model/manifest.js";
import { fieldErrors, showValue } from "../validation/field-errors.js";
import { optionName, readNumber } from "./evaluation/sampling-options.js";
import { ImageFileError } from "./image-file.js";

/** The options of `marimba sample` that edit an image. */

export const EDIT_USAGE = `\
  --image FILE               edit this image, a PNG, JPEG or WebP of the model's size, unless --fit scales it
  --mask FILE                draw its transparent pixels again or, if it has none, the light ones (default: the
                             transparent pixels of the image itself)
  --mask-invert              draw again what the mask does not mark
  --mask-grow N              0 to 8 rings of tokens around the mask that are sampled again, too (default: 1)
  --feather N                0 to 64 pixels over which the old image fades into the new one (default: 0)
  --strength X               above 0 to 1: share of the masked tokens that are sampled again (default: 1); without a
                             mask, of all tokens
  --extend SIDE=N            make the image larger by N tokens: left=N, right=N, top=N or bottom=N
  --fit FIT                  scale an image of another size: cover, contain or stretch
`;

const FIELDS: [name: string, schema: { type?: string; anyOf?: unknown }][] = Object.entries(EditOptions.properties);
const text = { type: "string" } as const;
/** Every field of an edit, and the files. */
export const EDIT_OPTIONS: NonNullable<ParseArgsConfig["options"]> = {
  image: text,
  mask: text,
  ...Object.fromEntries(
    FIELDS.map(([field, { type }]) => [optionName(field), type === "boolean" ? { type: "boolean" as const } : text]),
  ),
};

/** The image to edit, still to be read. */
export interface EditFiles {
  readonly image: string;
  readonly mask?: string;
  readonly options: EditOptions;
}

/** Undefined where no image is to be edited. Adds to `problems` what is wrong. */
export function readEdit(
  { image, mask, ...values }: Readonly<Record<string, string | undefined>>,
  problems: string[],
): EditFiles | undefined {
  const options = Object.fromEntries(
    FIELDS.flatMap(([field, { type }]) => {
      const value = values[optionName(field)];
      return value === undefined ? [] : [[field, readOption(value, type)] as const];
    }),
  );
  for (const { pointer, message } of fieldErrors(EditOptions, options)) {
    const field = pointer.split("/")[1]!;
    const wanted = "must be SIDE=N such as left=3: left, right, top or bottom, and 1 to 1024 tokens";
    problems.push(
      `--${optionName(field)} ${field === "extend" ? `${wanted}, not ${showValue(values.extend)}` : message}`,
    );
  }
  if (image === undefined) {
    const [first] = [...(mask === undefined ? [] : ["mask"]), ...Object.keys(options)];
    if (first !== undefined) problems.push(`--${optionName(first)} needs --image, the image to edit`);
    return undefined;
  }
  return { image, ...(mask !== undefined && { mask }), options: options as EditOptions };
}

/** A flag has no value: given, it is true. `left=3` is what JSON writes as `{"left": 3}`. */
function readOption(value: string, type: string | undefined): unknown {
  if (type === "boolean") return true;
  if (type === "integer" || type === "number") return readNumber(value);
  const [, side, tokens] = /^([a-z]+)=(.*)$/.exec(value) ?? [];
  return type === "object" && side !== undefined ? { [side]: readNumber(tokens!) } : value;
}

/** An edit that is ready to be generated. */
export interface OpenEdit {
  readonly edit: Edit;
  readonly canvas: OpenCanvas;
  /** How many tokens are sampled: no image takes more steps. */
  readonly sampledTokens: number;
}

/** Reads and checks the files. Throws `ImageFileError` or a `Problem`. */
export async function openEdit({ image, mask, options }: EditFiles, manifest: Manifest): Promise<OpenEdit> {
  const { architecture } = manifest;
  const files = { image: await read(image), ...(mask !== undefined && { mask: await read(mask) }) };
  const { edit, canvas } = await prepareEdit(files, options, manifest);
  const opened = await openCanvas(canvas, edit, architecture);
  const masked = maskedTokens(opened.toEdit.mask, architecture, edit.mask_grow);
  return { edit, canvas: opened, sampledTokens: sampledTokenCount(masked, edit.strength) };
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error: unknown) => {
    const reason = fileErrorReason(error);
    throw reason === undefined ? error : new ImageFileError(`${path} can't be read: ${reason}.`);
  });
}
