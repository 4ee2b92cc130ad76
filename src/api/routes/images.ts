import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { Problem, type ProblemCode } from "../../errors.js";
import { type JobRecord, OutputFormat } from "../../job.js";
import { OPEN } from "../access/authentication.js";
import { callerOf } from "../access/caller.js";
import type { Api, ApiDeps } from "../deps.js";
import { imageResourcePolicy } from "../http/browsers.js";
import { imageHeaders } from "../http/response-headers.js";
import { imageContent, openProblemResponses, problemResponses } from "../openapi/components.js";
import { isSigned } from "../resources/image-link.js";
import { findAnyJob, findJob, jobNotFound } from "../resources/job-resource.js";

const params = Type.Object({
  id: Type.String({ description: "The job's id." }),
  n: Type.Integer({ minimum: 0, description: "Index of the image, from 0." }),
});

const IMAGE_PROBLEMS: ProblemCode[] = [
  "job_not_found",
  "image_not_found",
  "job_not_finished",
  "job_failed",
  "job_cancelled",
  "job_expired",
  "job_lost",
  "queue_unavailable",
];

/** `GET /jobs/{id}/images/{n}`: the bytes of one image. `…/image.png` (`.jpeg`, `.webp`) with a signature: the same without a key. */
export function imageRoutes(app: Api, deps: ApiDeps): void {
  const { queue, keys } = deps;
  const schema = {
    operationId: "getImage",
    tags: ["jobs"],
    summary: "One image of a completed job",
    params,
    response: { ...imageResponses, ...problemResponses(...IMAGE_PROBLEMS) },
  };
  app.get("/jobs/:id/images/:n", { schema, attachValidation: true }, async (request, reply) => {
    const { id, n } = request.params;
    const record = await findJob(id, queue, callerOf(request));
    return sendImage(record, request.validationError ? undefined : n, request, reply, deps);
  });

  const linkSchema = {
    tags: ["jobs"],
    security: [],
    description: "`POST /v1/images/generations` returns such addresses. On a server with API keys they are signed.",
    params,
    querystring: Type.Object(
      { signature: Type.Optional(Type.String({ description: "As in the address." })) },
      { additionalProperties: false },
    ),
    response: { ...imageResponses, ...openProblemResponses(...IMAGE_PROBLEMS) },
  };
  const config = keys ? OPEN : {};
  for (const format of OutputFormat.anyOf.map((literal) => literal.const)) {
    const schema = {
      ...linkSchema,
      operationId: { png: "getLinkedImage", jpeg: "getLinkedJpeg", webp: "getLinkedWebp" }[format],
      summary: `The same image at an address that needs no API key, if its format is ${format}`,
    };
    app.get(`/jobs/:id/images/:n/image.${format}`, { schema, config }, async (request, reply) => {
      const { id, n } = request.params;
      const record = await findAnyJob(id, queue);
      if (keys && !isSigned(record.spec, n, request.query.signature ?? "", keys)) throw jobNotFound(id);
      const { output_format } = record.spec;
      if (format === output_format) return sendImage(record, n, request, reply, deps);
      throw new Problem("image_not_found", `The addresses of this job's images end in image.${output_format}.`);
    });
  }
}

/** Without an index, throws that the job has no such image. */
async function sendImage(
  record: JobRecord,
  index: number | undefined,
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { queue, config }: ApiDeps,
): Promise<FastifyReply> {
  const { id, num_images } = record.spec;
  if (index === undefined || index >= num_images) {
    throw new Problem("image_not_found", `The images of this job are numbered from 0 to ${num_images - 1}.`);
  }
  throwUnlessCompleted(record);
  const image = await queue.image(id, index);
  if (!image) throw new Problem("job_expired", "The job's images have expired or were deleted.");
  const own = imageHeaders(image, record);
  reply.headers(own).headers(imageResourcePolicy(config));
  reply.header("Cache-Control", "private, max-age=31536000, immutable");
  if (!matches(headers["if-none-match"], own.ETag!)) return reply.send(image.bytes);
  return reply.code(304).removeHeader("content-length").removeHeader("content-type").send();
}

const imageResponses = {
  200: Type.Unsafe<unknown>({
    description: "The image. Its bytes never change: they depend on the job's parameters and seed only.",
    headers: {
      ETag: { type: "string", description: "Hash of the bytes." },
      "Marimba-Job": { type: "string", description: "The job's id." },
      "Marimba-Seed": { type: "string", description: "The job's seed." },
    },
    content: imageContent,
  }),
  304: Type.Unsafe<unknown>({ description: "`If-None-Match` matches the image's bytes." }),
};

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
