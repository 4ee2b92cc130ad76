import Type, { type Static } from "typebox";
import { OutputFormat } from "../../job.js";
import { words } from "./request-schemas.js";

/** The shapes of OpenAI's API, as its clients read them. */

const TokensByKind = Type.Object({ image_tokens: Type.Integer(), text_tokens: Type.Integer() });

const Usage = Type.Object(
  {
    input_tokens: Type.Integer(),
    output_tokens: Type.Integer({ description: "Generated tokens: those of one image times the number of images." }),
    total_tokens: Type.Integer(),
    input_tokens_details: TokensByKind,
    output_tokens_details: TokensByKind,
  },
  { description: "A prompt only names a class, so it has no tokens; an image that is edited has." },
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
  preset: Type.Optional(Type.String({ description: "The model's preset that was used." })),
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

const ImageIndex = Type.Integer({
  minimum: 0,
  description: "Which of the `n` images it is, from 0; not part of OpenAI's API.",
});

export const OpenAiPartialImage = Type.Object(
  {
    type: words("image_generation.partial_image", "image_edit.partial_image"),
    b64_json: Type.String({ contentEncoding: "base64", description: "The unfinished image." }),
    partial_image_index: Type.Integer({ minimum: 0, description: "Counts from 0, for each image." }),
    image_index: ImageIndex,
    created_at: created("sent"),
    ...Looks,
  },
  { description: "An event of a streamed response." },
);
export type OpenAiPartialImage = Static<typeof OpenAiPartialImage>;

export const OpenAiCompletedImage = Type.Object(
  {
    type: words("image_generation.completed", "image_edit.completed"),
    b64_json: Type.String({ contentEncoding: "base64", description: "The image." }),
    image_index: ImageIndex,
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
