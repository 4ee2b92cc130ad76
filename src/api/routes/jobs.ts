import Type from "typebox";
import { GenerateRequest } from "../../job.js";
import { callerOf } from "../access/caller.js";
import type { Api, ApiDeps } from "../deps.js";
import { component, problemResponses } from "../openapi/components.js";
import { embedImages, findJob, foundRecord, jobResource } from "../resources/job-resource.js";

const params = Type.Object({ id: Type.String({ description: "The job's id." }) });

/** `GET /jobs/{id}` and `DELETE /jobs/{id}`. */
export function jobRoutes(app: Api, deps: ApiDeps): void {
  const { queue } = deps;
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
      200: json("The job's current state."),
      ...problemResponses("invalid_request", "job_not_found", "job_expired", "job_lost", "queue_unavailable"),
    },
  };
  app.get("/jobs/:id", { schema: getSchema }, async (request, reply) => {
    const record = await findJob(request.params.id, queue, callerOf(request));
    reply.header("Cache-Control", "no-store");
    const job = jobResource(record, deps);
    return request.query.response_format === "base64" ? embedImages(job, queue) : job;
  });

  const deleteSchema = {
    operationId: "cancelJob",
    tags: ["jobs"],
    summary: "Cancel a job",
    description:
      "A waiting job is cancelled at once, a running one at its next step. A job that has ended stays as it is; the " +
      "response states how it ended. Cancelling twice changes nothing.",
    params,
    response: {
      200: json("The job after the cancellation."),
      ...problemResponses("job_not_found", "job_expired", "job_lost", "queue_unavailable"),
    },
  };
  app.delete("/jobs/:id", { schema: deleteSchema }, async (request, reply) => {
    const { id } = request.params;
    await findJob(id, queue, callerOf(request));
    const reason = { code: "job_cancelled", detail: "The job was cancelled by a client." };
    const record = foundRecord(await queue.cancel(id, reason), id);
    reply.header("Cache-Control", "no-store");
    return jobResource(record, deps);
  });
}

function json(description: string) {
  return Type.Unsafe<unknown>({ description, content: { "application/json": { schema: component("Job") } } });
}
