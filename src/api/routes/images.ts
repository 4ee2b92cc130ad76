import Type from "typebox";
import { Problem } from "../../errors.js";
import type { JobRecord } from "../../job.js";
import { callerOf } from "../access/caller.js";
import type { Api, ApiDeps } from "../deps.js";
import { imageHeaders } from "../http/response-headers.js";
import { problemResponses } from "../openapi/components.js";
import { findJob } from "../resources/job-resource.js";

/** `GET /jobs/{id}/images/{n}`: the bytes of one image. */
export function imageRoute(app: Api, { queue }: ApiDeps): void {
  const schema = {
    operationId: "getImage",
    tags: ["jobs"],
    summary: "One image of a completed job",
    params: Type.Object({
      id: Type.String({ description: "The job's id." }),
      n: Type.Integer({ minimum: 0, description: "Index of the image, from 0." }),
    }),
    response: {
      200: Type.Unsafe<unknown>({
        description: "The image. Its bytes never change: they depend on the job's parameters and seed only.",
        headers: {
          ETag: { type: "string", description: "Hash of the bytes." },
          "Marimba-Job": { type: "string", description: "The job's id." },
          "Marimba-Seed": { type: "string", description: "The job's seed." },
        },
        content: { "image/png": { schema: Type.Unsafe({ type: "string", format: "binary" }) } },
      }),
      304: Type.Unsafe<unknown>({ description: "`If-None-Match` matches the image's bytes." }),
      ...problemResponses(
        "job_not_found",
        "image_not_found",
        "job_not_finished",
        "job_failed",
        "job_cancelled",
        "job_expired",
        "job_lost",
        "queue_unavailable",
      ),
    },
  };
  app.get("/jobs/:id/images/:n", { schema, attachValidation: true }, async (request, reply) => {
    const { id, n } = request.params;
    const record = await findJob(id, queue, callerOf(request));
    if (request.validationError || n >= record.spec.num_images) {
      throw new Problem(
        "image_not_found",
        `The images of this job are numbered from 0 to ${record.spec.num_images - 1}.`,
      );
    }
    throwUnlessCompleted(record);
    const image = await queue.image(id, n);
    if (!image) throw new Problem("job_expired", "The job's images have expired.");
    const headers = imageHeaders(image, record);
    reply.headers(headers).header("Cache-Control", "private, max-age=31536000, immutable");
    if (!matches(request.headers["if-none-match"], headers.ETag!)) return reply.send(image.bytes);
    return reply.code(304).removeHeader("content-length").removeHeader("content-type").send();
  });
}

function throwUnlessCompleted({ state, error }: JobRecord): void {
  if (state === "completed") return;
  if (state === "cancelled") throw new Problem("job_cancelled", error?.detail ?? "The job was cancelled.");
  if (state === "failed") throw new Problem("job_failed", `${error?.detail} (${error?.code})`);
  throw new Problem("job_not_finished", `The job is ${state}; try again when it has completed.`, {
    headers: { "Retry-After": "1" },
  });
}

/** `If-None-Match` compares weakly: the W/ before a tag is ignored. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes(etag) || tags.includes("*");
}
