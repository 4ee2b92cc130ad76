import { prepareEdit } from "../../editing/canvas.js";
import { readBase64 } from "../../editing/upload.js";
import { resolveModel, resolveRequest } from "../../resolve-request.js";
import type { Api, RouteDeps } from "../deps.js";
import { addFormRoutes, UPLOAD_BODY_BYTES } from "../http/form.js";
import { component, problemResponses, SUBMIT_PROBLEMS } from "../openapi/components.js";
import { jobResponses, requestHeaders, serveJob } from "./generate.js";

/** `POST /edits`: the same as `POST /generate` for images that are made from an uploaded one. */
export async function editRoute(app: Api, deps: RouteDeps): Promise<void> {
  const { models, config } = deps;
  await addFormRoutes(app, deps, (scope) => {
    scope.post("/edits", { schema: editSchema, bodyLimit: UPLOAD_BODY_BYTES }, (request, reply) =>
      serveJob(request, reply, deps, async () => {
        const { image, mask, ...body } = request.body;
        // What is wrong with the other fields costs no decoding.
        resolveRequest(body, models, config.maxImagesPerJob);
        const files = { image: readBase64(image, "/image"), ...(mask && { mask: readBase64(mask, "/mask") }) };
        return prepareEdit(files, body, resolveModel(body.model, models));
      }),
    );
  });
}

const editSchema = {
  operationId: "edit",
  tags: ["generate"],
  summary: "Edit an image: draw a part of it again, make it larger, or vary it",
  description: [
    "Everything outside the mask stays as it is, byte for byte. The image is PNG, JPEG or WebP, and of the model's size unless",
    "`fit` scales it. As JSON, `image` and `mask` are base64 or data URLs; in a form (`multipart/form-data`), they are files.",
    "All other fields are those of `POST /generate`, except that the images have the size of the uploaded one, or larger with",
    "`extend`. The response is the same, too.",
  ].join("\n"),
  consumes: ["application/json", "multipart/form-data"],
  headers: requestHeaders,
  body: component("EditRequest"),
  response: {
    ...jobResponses,
    ...problemResponses(...SUBMIT_PROBLEMS, "not_editable", "too_many_uploads", "forbidden", "not_acceptable"),
  },
};
