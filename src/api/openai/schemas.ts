import Type, { type Static, type TSchema } from "typebox";
import { GenerateRequest, OutputFormat } from "../../job.js";

/** The shapes of OpenAI's API, as its clients send and read them. */

/** OpenAI's clients may send null for an absent field. */
const open = <Schema extends TSchema>(schema: Schema, description: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description }));

/** Marimba's own parameters: all that OpenAI's API does not express in its own way. */
export const OwnParameters = Type.Omit(GenerateRequest, [
  "class",
  "model",
  "num_images",
  "output_format",
  "response_format",
]);

export const OpenAiImageRequest = Type.Object(
  {
    prompt: Type.String({
      minLength: 1,
      maxLength: 32_000,
      description: "Names a class: its name, id or index, or a text that contains its name.",
    }),
    n: open(Type.Integer({ minimum: 1 }), "Number of images; 1 when absent."),
    size: open(Type.String({ maxLength: 32 }), "The model's image size, such as 256x256, or auto."),
    response_format: open(
      Type.Union([Type.Literal("b64_json"), Type.Literal("url")]),
      "The images' bytes, or their temporary addresses; b64_json when absent.",
    ),
    stream: open(Type.Boolean(), "Whether to respond with events: partial images, then the image."),
    partial_images: open(
      Type.Integer({ minimum: 0, maximum: 3 }),
      "With `stream`: the maximum number of partial images; 0 when absent.",
    ),
    output_format: open(OutputFormat, "The images' format."),
    background: open(Type.Union([Type.Literal("auto"), Type.Literal("opaque")]), "Images are always opaque."),
    quality: open(Type.Union([Type.Literal("auto"), Type.Literal("standard")]), "Use `preset` to choose the quality."),
    moderation: open(Type.Union([Type.Literal("auto"), Type.Literal("low")]), "Has no effect."),
    output_compression: open(Type.Literal(100), "PNG is lossless."),
    user: open(Type.String({ maxLength: 512 }), "Accepted, but neither used nor stored."),
    ...OwnParameters.properties,
    model: open(Type.String({ minLength: 1, maxLength: 64 }), "The server's default model when absent."),
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
  quality: Type.Literal("auto"),
  size: Type.String({ description: "Such as 256x256." }),
};

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
    usage: Usage,
  },
  { description: "The last event of a streamed response." },
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
