import Type, { type Static, type TSchema } from "typebox";
import { GenerateRequest, OutputFormat } from "../../job.js";

/** The shapes of OpenAI's API, as its clients send and read them. */

/** OpenAI's clients may send null for an absent field. */
const open = <Schema extends TSchema>(schema: Schema, description: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description }));

/** Marimba's own parameters: all that OpenAI's API does not express in its own way. */
const Own = Type.Omit(GenerateRequest, [
  "class",
  "model",
  "num_images",
  "output_format",
  "response_format",
  "width",
  "height",
]);
export const OWN_PARAMETERS = Object.keys(Own.properties) as readonly (keyof typeof Own.properties)[];
const ownParameters = Object.fromEntries(
  Object.entries<TSchema & { description?: string }>(Own.properties).map(([name, schema]) => [
    name,
    open(schema, schema.description ?? ""),
  ]),
) as unknown as OpenOwn;
type OpenOwn = { [Name in keyof typeof Own.properties]: ReturnType<typeof open<(typeof Own.properties)[Name]>> };

const words = <Word extends string>(...all: Word[]) =>
  Type.Unsafe<Word>(Type.Union(all.map((word) => Type.Literal(word))));

/** Of a prompt, in code points, as OpenAI's. JSON writes one in at most 12 bytes. */
const MAX_PROMPT = 32_000;
/** Holds the longest prompt, and all other fields. */
export const IMAGES_BODY_BYTES = 512 * 1024;

export const OpenAiImageRequest = Type.Object(
  {
    prompt: Type.String({
      minLength: 1,
      maxLength: MAX_PROMPT,
      description: "Names a class: its name, id or index, or a text that contains its name.",
    }),
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
    stream: open(Type.Boolean(), "Whether to respond with events: partial images, then the images."),
    partial_images: open(
      Type.Integer({ minimum: 0, maximum: 3 }),
      "With `stream`: the maximum number of partial images; 0 when absent.",
    ),
    output_format: open(words("png", "jpeg", "webp"), "Images are always PNG."),
    background: open(words("auto", "opaque", "transparent"), "Images are always opaque."),
    quality: open(
      words("auto", "standard", "hd", "low", "medium", "high"),
      "low, medium and high (or hd) stand for the presets fast, balanced and exact; `preset` overrides it.",
    ),
    style: open(words("vivid", "natural"), "Has no effect."),
    moderation: open(words("auto", "low"), "Has no effect."),
    input_fidelity: open(words("high", "low"), "Has no effect."),
    output_compression: open(Type.Integer({ minimum: 0, maximum: 100 }), "PNG is lossless."),
    user: open(Type.String({ maxLength: 512 }), "Accepted, but neither used nor stored."),
    ...ownParameters,
    model: open(
      Type.String({ minLength: 1, maxLength: 200 }),
      "A model's id or alias, with or without a provider's prefix such as openai/. The server's default model when absent.",
    ),
    class: Type.Optional(
      Type.Unsafe<GenerateRequest["class"]>({
        ...GenerateRequest.properties.class,
        description: "Overrides the prompt. As in `POST /generate`, null means no class.",
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "An image request in the shape of OpenAI's API, with Marimba's own parameters added.",
    examples: [{ prompt: "star" }, { prompt: "a little boat at sea", n: 2, seed: 7, steps: 32, guidance_scale: 2.5 }],
  },
);
export type OpenAiImageRequest = Static<typeof OpenAiImageRequest>;

const Usage = Type.Object(
  {
    input_tokens: Type.Integer(),
    output_tokens: Type.Integer({ description: "Generated tokens: those of one image times the number of images." }),
    total_tokens: Type.Integer(),
    input_tokens_details: Type.Object({ image_tokens: Type.Integer(), text_tokens: Type.Integer() }),
  },
  { description: "A prompt only names a class, so it has no tokens." },
);

const created = (name: string) => Type.Integer({ description: `When it was ${name}, as Unix time in seconds.` });
const Looks = {
  background: Type.Literal("opaque"),
  output_format: OutputFormat,
  quality: words("auto", "low", "medium", "high"),
  size: Type.String({ description: "Such as 256x256." }),
};

/** What the answer says beyond OpenAI's own fields. */
const Notes = {
  generated_size: Type.Optional(Type.String({ description: "The model's size, if the images were scaled from it." })),
  adjusted: Type.Optional(
    Type.Array(Type.Object({ param: Type.String(), message: Type.String() }), {
      description: "The fields that could not be served exactly, and how they were served.",
    }),
  ),
};
export type Adjustment = NonNullable<Static<(typeof Notes)["adjusted"]>>[number];

export const OpenAiImages = Type.Object(
  {
    created: created("finished"),
    data: Type.Array(
      Type.Object({
        b64_json: Type.Optional(Type.String({ contentEncoding: "base64", description: "The bytes." })),
        url: Type.Optional(Type.String({ format: "uri", description: "Temporary address of the bytes." })),
        revised_prompt: Type.Optional(Type.String({ description: "The name of the class." })),
      }),
    ),
    ...Looks,
    ...Notes,
    usage: Usage,
  },
  { description: "The images of a request." },
);
export type OpenAiImages = Static<typeof OpenAiImages>;

export const OpenAiPartialImage = Type.Object(
  {
    type: Type.Literal("image_generation.partial_image"),
    b64_json: Type.String({ contentEncoding: "base64", description: "The unfinished image." }),
    partial_image_index: Type.Integer({ minimum: 0, description: "Counts from 0." }),
    created_at: created("sent"),
    ...Looks,
  },
  { description: "An event of a streamed response." },
);
export type OpenAiPartialImage = Static<typeof OpenAiPartialImage>;

export const OpenAiCompletedImage = Type.Object(
  {
    type: Type.Literal("image_generation.completed"),
    b64_json: Type.String({ contentEncoding: "base64", description: "The image." }),
    created_at: created("finished"),
    ...Looks,
    ...Notes,
    usage: Usage,
  },
  { description: "The last event of a streamed response, once for each image." },
);
export type OpenAiCompletedImage = Static<typeof OpenAiCompletedImage>;

export const OpenAiModel = Type.Object(
  {
    id: Type.String({ description: "The value for a request's `model`." }),
    object: Type.Literal("model"),
    created: Type.Integer({ description: "Always 0: models have no creation time." }),
    owned_by: Type.String({ description: "Always `marimba`." }),
  },
  { description: "A model in the shape of OpenAI's API." },
);
export type OpenAiModel = Static<typeof OpenAiModel>;
