import Type, { type Static } from "typebox";

export const OpenAiModel = Type.Object(
  {
    id: Type.String({ description: "The name for a request's `model`." }),
    object: Type.Literal("model"),
    created: Type.Integer({ description: "Always 0: a model's folder doesn't tell when it was made." }),
    owned_by: Type.String({ description: "Always `marimba`." }),
  },
  { description: "A model in the shape of OpenAI's API." },
);
export type OpenAiModel = Static<typeof OpenAiModel>;
