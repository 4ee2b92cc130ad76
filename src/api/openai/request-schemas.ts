import Type, { type Static, type TNull, type TOptional, type TProperties, type TSchema, type TUnion } from "typebox";
import { EditOptions } from "../../editing/edit-request.js";
import { GenerateRequest, OutputCompression } from "../../job.js";

/** The shapes of OpenAI's API, as its clients send them. */

/** OpenAI's clients may send null for an absent field. */
type Open<Schema extends TSchema> = TOptional<TUnion<[Schema, TNull]>>;

function open<Schema extends TSchema>(schema: Schema, description: string): Open<Schema> {
  return Type.Optional(Type.Union([schema, Type.Null()], { description })) as unknown as Open<Schema>;
}

function openAll<Properties extends TProperties>(properties: Properties) {
  const opened = Object.entries<TSchema & { description?: string }>(properties).map(([name, schema]) => [
    name,
    open(schema, schema.description ?? ""),
  ]);
  return Object.fromEntries(opened) as unknown as { [Name in keyof Properties]: Open<Properties[Name]> };
}

/** Marimba's own parameters: all that OpenAI's API does not express in its own way. */
const Own = Type.Omit(GenerateRequest, [
  "class",
  "model",
  "num_images",
  "output_format",
  "output_compression",
  "quality",
  "response_format",
  "width",
  "height",
]);
export const OWN_PARAMETERS = Object.keys(Own.properties) as readonly (keyof typeof Own.properties)[];

export const words = <Word extends string>(...all: Word[]) =>
  Type.Unsafe<Word>(Type.Union(all.map((word) => Type.Literal(word))));

/** Of a prompt, in code points, as OpenAI's. JSON writes one in at most 12 bytes. */
const MAX_PROMPT = 32_000;
/** Holds the longest prompt, and all other fields. */
export const IMAGES_BODY_BYTES = 512 * 1024;

const Prompt = Type.String({
  minLength: 1,
  maxLength: MAX_PROMPT,
  description: "Names a class: its name, id or index, or a text that contains its name.",
});

/** Fields of every request for images. */
const Images = {
  n: open(
    Type.Union([Type.Integer({ minimum: 1 }), Type.String({ pattern: "^[1-9][0-9]{0,4}$" })]),
    "Number of images; 1 when absent.",
  ),
  size: open(
    Type.String({ maxLength: 32 }),
    "WIDTHxHEIGHT, such as 1024x1024, up to 2048 each: images are scaled to it. auto or absent: the model's own size.",
  ),
  response_format: open(
    words("b64_json", "url"),
    "The images' bytes, or their temporary addresses; b64_json when absent, url for models named dall-e-2 or dall-e-3.",
  ),
  output_format: open(
    words("png", "jpeg", "webp", "gif", "svg"),
    "What images are encoded as; png when absent, and for gif and svg. Partial images are always PNG.",
  ),
  output_compression: open(
    OutputCompression,
    "Quality of a JPEG or WebP, from 0 to 100, when absent; PNG is lossless.",
  ),
  quality: open(
    words("auto", "standard", "hd", "low", "medium", "high", "xhigh", "max"),
    "low and high (or hd, xhigh, max) choose the model's fastest and slowest preset, medium the one in the middle; `preset` overrides it.",
  ),
  user: open(Type.String({ maxLength: 512 }), "Accepted, but neither used nor stored."),
  safety_identifier: open(Type.String({ maxLength: 512 }), "Accepted, but neither used nor stored."),
  ...openAll(Own.properties),
  model: open(
    Type.String({ minLength: 1, maxLength: 200 }),
    "A model's id or alias, with or without a provider's prefix such as openai/. The server's default model when absent.",
  ),
};

/** Fields of the requests that have a prompt. */
const Prompted = {
  prompt: Prompt,
  stream: open(Type.Boolean(), "Whether to respond with events: partial images, then the images."),
  partial_images: open(
    Type.Integer({ minimum: 0, maximum: 3 }),
    "With `stream`: the maximum number of partial images; 0 when absent.",
  ),
  background: open(words("auto", "opaque", "transparent"), "Images are always opaque."),
  moderation: open(words("auto", "low"), "Has no effect."),
  input_fidelity: open(words("high", "low"), "Has no effect."),
  complexity: open(words("low", "medium", "high"), "Has no effect."),
  frame_count: open(Type.Integer({ minimum: 2, maximum: 16 }), "Has no effect: there is no GIF."),
  frame_duration_ms: open(Type.Integer({ minimum: 1 }), "Has no effect: there is no GIF."),
};

const classField = (description: string) =>
  Type.Optional(Type.Unsafe<GenerateRequest["class"]>({ ...GenerateRequest.properties.class, description }));
const PROMPTED_CLASS = "Overrides the prompt. As in `POST /generate`, null means no class.";

export const OpenAiImageRequest = Type.Object(
  {
    ...Prompted,
    ...Images,
    style: open(words("vivid", "natural"), "Has no effect."),
    class: classField(PROMPTED_CLASS),
  },
  {
    additionalProperties: false,
    description: "An image request in the shape of OpenAI's API, with Marimba's own parameters added.",
    examples: [{ prompt: "star" }, { prompt: "a little boat at sea", n: 2, seed: 7, steps: 32, guidance_scale: 2.5 }],
  },
);
export type OpenAiImageRequest = Static<typeof OpenAiImageRequest>;

/** Without `extend`, whose images would have another size than OpenAI's API has: `POST /edits` has it. */
const Editing = Type.Omit(EditOptions, ["extend"]);
export const EDIT_OPTIONS = Object.keys(Editing.properties) as readonly (keyof typeof Editing.properties)[];
const editOptions = openAll(Editing.properties);

/** In a form, a file. Its bytes reach the route as base64, as they are in JSON. */
const file = (description: string) =>
  Type.String({ minLength: 1, contentMediaType: "application/octet-stream", description });

/** How OpenAI's JSON refers to an image. */
const ImageReference = Type.Object(
  { image_url: Type.String({ minLength: 1, description: "A data URL; the server fetches no addresses." }) },
  { additionalProperties: false },
);

export const OpenAiEditRequest = Type.Object(
  {
    image: Type.Optional(
      Type.Union([file("PNG, JPEG or WebP."), Type.Array(file("PNG, JPEG or WebP."), { minItems: 1 })], {
        description: "The image to edit, also as `image[]`; of several, none is edited. Required in a form.",
      }),
    ),
    images: Type.Optional(
      Type.Array(ImageReference, { minItems: 1, description: "The one image to edit, as OpenAI's JSON names it." }),
    ),
    mask: Type.Optional(
      Type.Union([file("PNG, JPEG or WebP."), ImageReference, Type.Null()], {
        description:
          "An image of the same size, whose transparent pixels are drawn again. When absent, those of the image; if it has none, the whole image is varied.",
      }),
    ),
    ...Prompted,
    ...Images,
    class: classField(PROMPTED_CLASS),
    ...editOptions,
  },
  {
    additionalProperties: false,
    description:
      "A form, or JSON, that asks for an edit in the shape of OpenAI's API, with Marimba's own parameters added.",
  },
);
export type OpenAiEditRequest = Static<typeof OpenAiEditRequest>;

export const OpenAiVariationRequest = Type.Object(
  {
    image: file("The image to vary: PNG, JPEG or WebP."),
    ...Images,
    class: classField("As in `POST /generate`; no class when absent."),
    strength: editOptions.strength,
    fit: editOptions.fit,
  },
  {
    additionalProperties: false,
    description: "A form that asks for a variation in the shape of OpenAI's API, with Marimba's own parameters added.",
  },
);
export type OpenAiVariationRequest = Static<typeof OpenAiVariationRequest>;
