import Type from "typebox";
import type { Api, ApiDeps } from "../deps.js";
import { compressJson } from "../http/compression.js";
import { component, problemResponses } from "../openapi/components.js";
import { ClassList, findModel, ModelList, modelResource, searchClasses } from "../resources/model-resource.js";

const params = Type.Object({ id: Type.String({ description: "The model's id." }) });
const MAX_CLASSES = 1000;

/** `GET /models`, `GET /models/{id}` and `GET /models/{id}/classes`. */
export function modelRoutes(app: Api, deps: ApiDeps): void {
  const { models } = deps;
  const list = Type.Object({ ...ModelList.properties, models: Type.Array(component("Model")) });
  const listSchema = {
    operationId: "listModels",
    tags: ["models"],
    summary: "All models",
    response: { 200: json("The models.", list), ...problemResponses() },
  };
  app.get("/models", { schema: listSchema }, () => ({
    default: models.default,
    models: models.list().map((manifest) => modelResource(manifest, deps)),
  }));

  const getSchema = {
    operationId: "getModel",
    tags: ["models"],
    summary: "One model: sizes, defaults and presets",
    params,
    response: { 200: json("The model.", component("Model")), ...problemResponses("unknown_model") },
  };
  app.get("/models/:id", { schema: getSchema }, (request) => modelResource(findModel(request.params.id, models), deps));

  const classesSchema = {
    operationId: "listClasses",
    tags: ["models"],
    summary: "A model's classes: all, or those that match a query",
    params,
    querystring: Type.Object(
      {
        query: Type.Optional(
          Type.String({ maxLength: 200, description: "Part of a name (case-insensitive), an id or an index." }),
        ),
        limit: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: MAX_CLASSES,
            description: `Maximum number of classes to return; ${MAX_CLASSES} when absent.`,
          }),
        ),
      },
      { additionalProperties: false },
    ),
    response: {
      200: json("The classes; those whose name begins with the query come first.", ClassList),
      ...problemResponses("invalid_request", "unknown_model"),
    },
  };
  app.get("/models/:id/classes", { schema: classesSchema, onSend: compressJson }, (request) => {
    const manifest = findModel(request.params.id, models);
    const { query = "", limit = MAX_CLASSES } = request.query;
    const found = searchClasses(manifest.classes, query);
    return { model: manifest.name, total: found.length, classes: found.slice(0, limit) };
  });
}

function json(description: string, schema: object) {
  return Type.Unsafe<unknown>({ description, content: { "application/json": { schema } } });
}
