import Type, { type Static } from "typebox";
import { FAMILY_TRAITS } from "./family-traits.js";
import { type Architecture, familyName, makesCodes } from "./manifest.js";
import type { ImageToEdit } from "./parameters.js";
import { hasEncoder } from "./tokenizer-architecture.js";

/** Most rings of tokens that `mask_grow` may add around the mask. */
export const MAX_MASK_GROW = 8;
/** Widest feather, in pixels. */
export const MAX_FEATHER = 64;

/**
 * How a job's images redraw its canvas. The canvas is a PNG with an alpha channel, kept beside the job: a pixel with alpha 0 is
 * drawn again, any other one stays as it is. It is as large as the model's images, or larger; the window is the part, of the
 * model's size, that the model sees and draws.
 */
export const Edit = Type.Object(
  {
    window: Type.Object(
      { left: Type.Integer({ minimum: 0 }), top: Type.Integer({ minimum: 0 }) },
      { additionalProperties: false },
    ),
    mask_grow: Type.Integer({ minimum: 0, maximum: MAX_MASK_GROW }),
    feather: Type.Integer({ minimum: 0, maximum: MAX_FEATHER }),
    strength: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  },
  { additionalProperties: false },
);
export type Edit = Static<typeof Edit>;

/** What an edit is that asks for nothing else. */
export const EDIT_DEFAULTS = { mask_grow: 1, feather: 0, strength: 1 } as const;

/** Whether images can be edited with a model: its family must, with latents that are not codes, and it needs an encoder, which models imported by earlier versions lack. */
export function canEdit({ generator, tokenizer }: Architecture): boolean {
  return FAMILY_TRAITS[familyName(generator)].canEdit && !makesCodes(generator) && hasEncoder(tokenizer);
}

/** Pixels along a token's sides. */
export function tokenSize({ generator, tokenizer }: Architecture): { readonly width: number; readonly height: number } {
  return {
    width: tokenizer.image_width / generator.grid_width,
    height: tokenizer.image_height / generator.grid_height,
  };
}

/**
 * The tokens of a masked image that may be sampled again: each that the mask touches, and `rings` of neighbours around
 * it, the diagonal ones too. `mask` is [H, W] in the model's size, nonzero where a pixel is drawn again. -> [L]; 1: masked
 */
export function maskedTokens(mask: Uint8Array, { generator, tokenizer }: Architecture, rings: number): Uint8Array {
  const { grid_height: rows, grid_width: columns, token_count } = generator;
  const { image_height: height, image_width: width } = tokenizer;
  const masked = new Uint8Array(token_count);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height);
    for (let x = 0; x < width; x++)
      if (mask[y * width + x]) masked[row * columns + Math.floor((x * columns) / width)] = 1;
  }
  const isNear = (row: number, column: number) => {
    for (let r = Math.max(0, row - rings); r <= Math.min(rows - 1, row + rings); r++)
      for (let c = Math.max(0, column - rings); c <= Math.min(columns - 1, column + rings); c++)
        if (masked[r * columns + c]) return true;
    return false;
  };
  return masked.map((_, token) => Number(isNear(Math.floor(token / columns), token % columns)));
}

/** How many of the masked tokens are sampled again: the share that `strength` asks for, at least one. */
export function sampledTokenCount(masked: Uint8Array, strength: number): number {
  const count = masked.reduce((sum, isMasked) => sum + isMasked, 0);
  return Math.max(Math.min(1, count), Math.round(strength * count));
}

/** Why a model can't edit an image so, as the end of a sentence; undefined where it can. */
export function editMistake(edit: ImageToEdit, architecture: Architecture): string | undefined {
  const { image_height: height, image_width: width } = architecture.tokenizer;
  const { pixels, mask, maskGrow, strength } = edit;
  if (!canEdit(architecture)) return "the model has no encoder; import it again from a tokenizer that has one";
  if (pixels.length !== height * width * 3 || mask.length !== height * width)
    return `the image and its mask must be ${width}x${height} pixels`;
  if (!mask.some(Boolean)) return "nothing is masked";
  if (!(Number.isInteger(maskGrow) && maskGrow >= 0)) return `maskGrow must be a whole number from 0, not ${maskGrow}`;
  if (!(strength > 0 && strength <= 1)) return `strength must be more than 0 and at most 1, not ${strength}`;
  return undefined;
}
