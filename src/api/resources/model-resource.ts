import Type, { type Static } from "typebox";
import { Problem } from "../../errors.js";
import { ordersOf, parameterNames, stepBounds } from "../../model/check-parameters.js";
import { canEdit, tokenSize } from "../../model/edit.js";
import { FAMILY_TRAITS } from "../../model/family-traits.js";
import { familyName, Manifest, ModelClass } from "../../model/manifest.js";
import type { ModelRegistry } from "../../model/registry.js";
import { nearMisses } from "../../validation/near-misses.js";
import type { ApiDeps } from "../deps.js";

/** A model as clients see it: what it can do, without its internals. */

const { defaults, presets } = Manifest.properties;

export const ModelResource = Type.Object(
  {
    id: Type.String({ description: "The value for a request's `model`." }),
    description: Type.Optional(Type.String()),
    image_width: Type.Integer({ description: "Pixels." }),
    image_height: Type.Integer({ description: "Pixels." }),
    family: Type.String({ description: `How the model generates: ${Object.keys(FAMILY_TRAITS).join(", ")}.` }),
    parameters: Type.Array(Type.String(), {
      description: "The sampling parameters that requests to the model may have, beside `class`.",
    }),
    step_bounds: Type.Object(
      { minimum: Type.Integer(), maximum: Type.Integer() },
      { description: "Smallest and largest possible `steps`." },
    ),
    samplers: Type.Optional(Type.Array(Type.String(), { description: "Possible values of `sampler`, if it is one." })),
    orders: Type.Optional(Type.Array(Type.String(), { description: "Possible values of `order`, if it is one." })),
    token_count: Type.Integer({ description: "Tokens of one image." }),
    token_width: Type.Integer({ description: "Pixels of one token." }),
    token_height: Type.Integer({ description: "Pixels of one token." }),
    can_edit: Type.Boolean({ description: "Whether `POST /edits` can use the model: it has an encoder." }),
    class_count: Type.Integer({ description: "Number of classes; `links.classes` lists them." }),
    precision: Type.String({ description: "Precision of the weights." }),
    hash: Type.String({ description: "SHA-256 of graphs and weights: equal hashes give equal images." }),
    defaults,
    presets,
    default_preset: Type.Optional(Type.String({ description: "The preset of requests that name none." })),
    links: Type.Object({ self: Type.String(), classes: Type.String() }),
  },
  { description: "A model and the parameters it supports." },
);
export type ModelResource = Static<typeof ModelResource>;

export const ModelList = Type.Object({
  default: Type.String({ description: "The model of requests that name none." }),
  models: Type.Array(ModelResource),
});

export const ClassList = Type.Object({
  model: Type.String(),
  total: Type.Integer({ description: "Number of matching classes; `classes` has at most `limit` of them." }),
  classes: Type.Array(ModelClass),
});

export function modelResource(manifest: Manifest, deps: Pick<ApiDeps, "config">): ModelResource {
  const { generator, tokenizer } = manifest.architecture;
  const family = familyName(generator);
  const { samplers } = FAMILY_TRAITS[family];
  const self = modelPath(manifest.name, deps);
  const token = tokenSize(manifest.architecture);
  const parameters = parameterNames(manifest.architecture);
  return {
    id: manifest.name,
    ...(manifest.description !== undefined && { description: manifest.description }),
    image_width: tokenizer.image_width,
    image_height: tokenizer.image_height,
    family,
    parameters: [...parameters],
    step_bounds: stepBounds(manifest.architecture),
    ...(samplers.length > 0 && { samplers: [...samplers] }),
    ...(parameters.includes("order") && { orders: [...ordersOf(manifest.architecture)] }),
    token_count: generator.token_count,
    token_width: token.width,
    token_height: token.height,
    can_edit: canEdit(manifest.architecture),
    class_count: manifest.classes.length,
    precision: manifest.precision,
    hash: manifest.hash,
    defaults: manifest.defaults,
    presets: manifest.presets,
    ...(manifest.default_preset !== undefined && { default_preset: manifest.default_preset }),
    links: { self, classes: `${self}/classes` },
  };
}

export function modelPath(name: string, { config }: Pick<ApiDeps, "config">): string {
  return `${config.publicPath}/models/${name}`;
}

/** The model with this id. Throws `unknown_model`. */
export function findModel(id: string, models: ModelRegistry): Manifest {
  const manifest = models.get(id);
  if (manifest) return manifest;
  const names = models.list().map(({ name }) => name);
  const meant = nearMisses(id, names);
  const hint = meant.length > 0 ? `did you mean ${meant.join(" or ")}?` : `the models are ${names.join(", ")}.`;
  throw new Problem("unknown_model", `There is no model ${JSON.stringify(id)}; ${hint}`);
}

/** Classes whose name contains the words, those that begin with them first; also the class with that id or index. */
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
