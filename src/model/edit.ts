import Type, { type Static } from "typebox";

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

/** The part of an image that the engine is given: what the model's tokens come from, and which of them it samples again. */
export interface ImageToEdit {
  /** RGB, [H, W, 3], in the model's size. */
  readonly pixels: Uint8Array;
  /** [H, W]; 1: the pixel is drawn again. */
  readonly mask: Uint8Array;
  /** Rings of tokens around the mask that are sampled again, too, because their latents have seen what is under it. */
  readonly maskGrow: number;
  /** Share of the masked tokens that are sampled again, in (0, 1]; which ones depends on seed and image index. */
  readonly strength: number;
}
