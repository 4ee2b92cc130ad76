import Type from "typebox";
import type { Api, ApiDeps } from "../deps.js";
import { component, openAiResponses } from "../openapi/components.js";
import { findModel } from "../resources/model-resource.js";
import { ModelNames } from "./model-names.js";
import type { OpenAiModel } from "./schemas.js";

/** `GET /v1/models` and `GET /v1/models/{id}`. */
export function openAiModelRoutes(app: Api, deps: Pick<ApiDeps, "models" | "config">): void {
  const names = new ModelNames(deps);
  const list = Type.Object({ object: Type.Literal("list"), data: Type.Array(component("OpenAiModel")) });
  const listSchema = {
    operationId: "listOpenAiModels",
    tags: ["openai"],
    summary: "All models and their aliases, in the shape of OpenAI's API",
    response: { 200: json("The models.", list), ...openAiResponses() },
  };
  app.get("/v1/models", { schema: listSchema }, () => ({ object: "list", data: names.list().map(openAiModel) }));

  const getSchema = {
    operationId: "getOpenAiModel",
    tags: ["openai"],
    summary: "One model, in the shape of OpenAI's API",
    params: Type.Object({ id: Type.String({ description: "The model's id." }) }),
    response: { 200: json("The model.", component("OpenAiModel")), ...openAiResponses("unknown_model") },
  };
  app.get("/v1/models/:id", { schema: getSchema }, ({ params: { id } }) =>
    openAiModel(names.has(id) ? id : findModel(id, deps.models).name),
  );
}

function openAiModel(id: string): OpenAiModel {
  return { id, object: "model", created: 0, owned_by: "marimba" };
}

function json(description: string, schema: object) {
  return Type.Unsafe<unknown>({ description, content: { "application/json": { schema } } });
}
