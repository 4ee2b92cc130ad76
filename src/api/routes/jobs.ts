import Type from "typebox";
import { Problem } from "../../errors.js";
import { GenerateRequest, isFinal, JobState } from "../../job.js";
import type { ListPlace } from "../../queue/queue.js";
import { callerOf } from "../access/caller.js";
import type { Api, ApiDeps } from "../deps.js";
import { component, problemResponses } from "../openapi/components.js";
import { embedImages, findJob, foundRecord, jobResource } from "../resources/job-resource.js";

const params = Type.Object({ id: Type.String({ description: "The job's id." }) });

/** `GET /jobs/{id}` and `DELETE /jobs/{id}`, `GET /jobs` and `DELETE /jobs/{id}/images`. */
export function jobRoutes(app: Api, deps: ApiDeps): void {
  const { queue } = deps;
  listRoute(app, deps);
  deleteImagesRoute(app, deps);
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

const DEFAULT_PAGE = 20;
const LARGEST_PAGE = 100;

function listRoute(app: Api, deps: ApiDeps): void {
  const schema = {
    operationId: "listJobs",
    tags: ["jobs"],
    summary: "The caller's jobs, the newest first",
    description:
      "Jobs that the caller has submitted and that have not expired, its newest thousand. On a server without API keys, a " +
      "caller is a client address.",
    querystring: Type.Object(
      {
        state: Type.Optional(JobState),
        limit: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: LARGEST_PAGE,
            description: `Jobs of one page; ${DEFAULT_PAGE} when absent.`,
          }),
        ),
        cursor: Type.Optional(
          Type.String({ maxLength: 100, description: "`next_cursor` of the page before; absent for the first page." }),
        ),
      },
      { additionalProperties: false },
    ),
    response: {
      200: Type.Unsafe<unknown>({
        description: "One page.",
        content: { "application/json": { schema: Type.Object({ ...page, jobs: Type.Array(component("Job")) }) } },
      }),
      ...problemResponses("invalid_request", "queue_unavailable"),
    },
  };
  app.get("/jobs", { schema }, async (request, reply) => {
    const { state, limit = DEFAULT_PAGE, cursor } = request.query;
    const query = { state, limit, after: cursor === undefined ? undefined : readCursor(cursor) };
    const { records, hasMore } = await deps.queue.list(callerOf(request).id, query);
    const last = records.at(-1)?.spec;
    reply.header("Cache-Control", "no-store");
    return {
      jobs: records.map((record) => jobResource(record, deps)),
      ...(hasMore && last && { next_cursor: `${last.accepted_at}-${last.id}` }),
    };
  });
}

const page = {
  jobs: Type.Array(Type.Unknown()),
  next_cursor: Type.Optional(Type.String({ description: "The next page's `cursor`; absent on the last page." })),
};

function readCursor(cursor: string): ListPlace {
  const [, acceptedAt, id] = /^(\d{1,16})-([A-Za-z0-9_-]{8,64})$/.exec(cursor) ?? [];
  if (id !== undefined) return { accepted_at: Number(acceptedAt), id };
  const message = "must be `next_cursor` of an earlier page";
  throw new Problem("invalid_request", `cursor ${message}.`, { errors: [{ pointer: "/cursor", message }] });
}

function deleteImagesRoute(app: Api, { queue }: ApiDeps): void {
  const schema = {
    operationId: "deleteImages",
    tags: ["jobs"],
    summary: "Delete a job that has ended, with its images",
    description:
      "The job is gone as if it had expired: all its addresses answer 410. A job that has not ended must be cancelled first.",
    params,
    response: {
      204: Type.Unsafe<undefined>({ type: "null", description: "The job and its images are deleted." }),
      ...problemResponses("job_not_found", "job_expired", "job_lost", "job_not_finished", "queue_unavailable"),
    },
  };
  app.delete("/jobs/:id/images", { schema }, async (request, reply) => {
    const { id } = request.params;
    const { state } = await findJob(id, queue, callerOf(request));
    if (!isFinal(state))
      throw new Problem("job_not_finished", `The job is ${state}; cancel it first: DELETE /jobs/${id}.`);
    await queue.delete(id);
    return reply.code(204).send();
  });
}

function json(description: string) {
  return Type.Unsafe<unknown>({ description, content: { "application/json": { schema: component("Job") } } });
}
