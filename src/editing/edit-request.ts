import Type, { type Static } from "typebox";
import { GenerateRequest } from "../job.js";
import { EDIT_DEFAULTS, MAX_FEATHER, MAX_MASK_GROW } from "../model/edit.js";

const file = (description: string) =>
  Type.String({ minLength: 1, contentEncoding: "base64", description: `${description} Base64 or a data URL.` });
const side = Type.Optional(Type.Integer({ minimum: 1, maximum: 1024, description: "Tokens." }));

/** How an image is edited: every field of an edit but the files. */
export const EditOptions = Type.Object(
  {
    mask_invert: Type.Optional(
      Type.Boolean({ description: "Whether the mask marks what stays, not what is drawn again; false when absent." }),
    ),
    mask_grow: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_MASK_GROW,
        description: `Rings of tokens around the mask that are sampled again, too; ${EDIT_DEFAULTS.mask_grow} when absent. Pixels outside the mask stay.`,
      }),
    ),
    feather: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_FEATHER,
        description: `Pixels inside the mask's border over which the old image fades into the new one; ${EDIT_DEFAULTS.feather} when absent.`,
      }),
    ),
    strength: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: `Share of the masked tokens that are sampled again; ${EDIT_DEFAULTS.strength} when absent. Without a mask, the whole image is masked: a variation.`,
      }),
    ),
    extend: Type.Optional(
      Type.Object(
        { left: side, right: side, top: side, bottom: side },
        {
          additionalProperties: false,
          minProperties: 1,
          maxProperties: 1,
          description: "Outpainting: one side, and by how many tokens the image grows there.",
        },
      ),
    ),
    fit: Type.Optional(
      Type.Union([Type.Literal("cover"), Type.Literal("contain"), Type.Literal("stretch")], {
        description:
          "How an image of another size is scaled to the model's: cropped, with new borders, or stretched. When absent, it is refused.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type EditOptions = Static<typeof EditOptions>;

/** `POST /edits` as JSON. In a form, `image` and `mask` are files. */
export const EditRequest = Type.Object(
  {
    image: file("The image to edit: PNG, JPEG or WebP."),
    mask: Type.Optional(
      file(
        "What is drawn again, in an image of the same size: transparent pixels or, where it has none, light ones. When absent, the image's own transparent pixels count.",
      ),
    ),
    ...EditOptions.properties,
    ...Type.Omit(GenerateRequest, ["width", "height", "scaling"]).properties,
  },
  { additionalProperties: false },
);
export type EditRequest = Static<typeof EditRequest>;
