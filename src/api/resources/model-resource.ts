import Type, { type Static } from "typebox";
import { Manifest, ModelClass } from "../../model/manifest.js";

/** A model as clients see it: what can be asked of it, without its insides. */

const { defaults, presets } = Manifest.properties;

export const ModelResource = Type.Object(
  {
    id: Type.String({ description: "The name for a request's `model`." }),
    description: Type.Optional(Type.String()),
    image_width: Type.Integer({ description: "Pixels." }),
    image_height: Type.Integer({ description: "Pixels." }),
    token_count: Type.Integer({ description: "Tokens of one image: the most `steps` there can be." }),
    class_count: Type.Integer({ description: "Classes; their names are under `links.classes`." }),
    precision: Type.String({ description: "Of the weights." }),
    hash: Type.String({ description: "SHA-256 over graphs and weights: equal hashes make equal pictures." }),
    defaults,
    presets,
    default_preset: Type.Optional(Type.String({ description: "Taken when a request names no preset." })),
    links: Type.Object({ self: Type.String(), classes: Type.String() }),
  },
  { description: "A model and what can be asked of it." },
);
export type ModelResource = Static<typeof ModelResource>;

export const ModelList = Type.Object({
  default: Type.String({ description: "The model of requests that name none." }),
  models: Type.Array(ModelResource),
});

export const ClassList = Type.Object({
  model: Type.String(),
  total: Type.Integer({ description: "Classes that match, of which at most `limit` follow." }),
  classes: Type.Array(ModelClass),
});

export function modelResource(manifest: Manifest): ModelResource {
  const { generator, tokenizer } = manifest.architecture;
  return {
    id: manifest.name,
    ...(manifest.description !== undefined && { description: manifest.description }),
    image_width: tokenizer.image_width,
    image_height: tokenizer.image_height,
    token_count: generator.token_count,
    class_count: manifest.classes.length,
    precision: manifest.precision,
    hash: manifest.hash,
    defaults: manifest.defaults,
    presets: manifest.presets,
    ...(manifest.default_preset !== undefined && { default_preset: manifest.default_preset }),
    links: { self: `/models/${manifest.name}`, classes: `/models/${manifest.name}/classes` },
  };
}

/** Classes whose name or id holds the words, those that begin with them first; an index finds its class. */
export function searchClasses(classes: readonly ModelClass[], query: string): ModelClass[] {
  const words = query.trim().toLowerCase();
  if (words === "") return [...classes];
  const beginning: ModelClass[] = [];
  const containing: ModelClass[] = [];
  for (const modelClass of classes) {
    const name = modelClass.name.toLowerCase();
    const isNamed = name.startsWith(words) || modelClass.id?.toLowerCase() === words;
    if (isNamed || String(modelClass.index) === words) beginning.push(modelClass);
    else if (name.includes(words)) containing.push(modelClass);
  }
  return [...beginning, ...containing];
}
