import Type from "typebox";
import { GenerateRequest } from "../../job.js";
import { principalOf } from "../access/principal.js";
import type { Api, ApiDeps } from "../deps.js";
import { component, problemResponses } from "../openapi/components.js";
import { findJob, foundRecord } from "../resources/job-lookup.js";
import { embedImages, jobResource } from "../resources/job-resource.js";

const params = Type.Object({ id: Type.String({ description: "The job's id." }) });

/** `GET /jobs/{id}` and `DELETE /jobs/{id}`. */
export function jobRoutes(app: Api, { queue, models }: ApiDeps): void {
  const getSchema = {
    operationId: "getJob",
    tags: ["jobs"],
    summary: "A job's state, and its images once it is completed",
    params,
    querystring: Type.Object(
      { response_format: Type.Optional(GenerateRequest.properties.response_format) },
      { additionalProperties: false },
    ),
    response: {
      200: json("The job as it stands."),
      ...problemResponses("invalid_request", "job_not_found", "job_expired", "queue_unavailable"),
    },
  };
  app.get("/jobs/:id", { schema: getSchema }, async (request, reply) => {
    const record = await findJob(request.params.id, queue, principalOf(request));
    reply.header("Cache-Control", "no-store");
    const job = jobResource(record, models);
    return request.query.response_format === "base64" ? embedImages(job, queue) : job;
  });

  const deleteSchema = {
    operationId: "cancelJob",
    tags: ["jobs"],
    summary: "Cancel a job",
    description:
      "A waiting job is cancelled at once, a running one at its next step. A job that has ended stays as it is: the " +
      "answer tells its state, and asking again changes nothing.",
    params,
    response: {
      200: json("The job as it stands after the cancellation."),
      ...problemResponses("job_not_found", "job_expired", "queue_unavailable"),
    },
  };
  app.delete("/jobs/:id", { schema: deleteSchema }, async (request, reply) => {
    const { id } = request.params;
    await findJob(id, queue, principalOf(request));
    const reason = { code: "job_cancelled", detail: "The job was cancelled on request." };
    const record = foundRecord(await queue.cancel(id, reason), id);
    reply.header("Cache-Control", "no-store");
    return jobResource(record, models);
  });
}

function json(description: string) {
  return Type.Unsafe<unknown>({ description, content: { "application/json": { schema: component("Job") } } });
}
