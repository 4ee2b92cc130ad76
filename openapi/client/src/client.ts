import { fromBase64, toBase64 } from "./base64.js";
import { isFinal, jobEvents } from "./events.js";
import { Http, type MarimbaClientOptions } from "./http.js";
import { jobProblem, MarimbaProblem } from "./problem.js";
import { backoff, sleep } from "./retry.js";
import type {
  CallOptions,
  ClassList,
  EditRequest,
  EventOptions,
  GenerateRequest,
  Generation,
  Image,
  ImageFile,
  Job,
  JobEvent,
  JobList,
  ListOptions,
  ModelList,
  SubmitOptions,
} from "./types.js";

/** How much of the silence that counts as a broken connection a request of `generate` waits for the job; then the job is polled. */
const WAIT_SHARE = 0.6;
const FIRST_POLL_MS = 200;

/** A client of one Marimba server. Every method throws `MarimbaProblem` if the server refuses. */
export class MarimbaClient {
  readonly #http: Http;

  constructor(options: MarimbaClientOptions = {}) {
    this.#http = new Http(options);
  }

  /**
   * Generates images and waits for them. Aborting the signal also cancels the job. Throws `MarimbaProblem`, also if the job
   * ends `failed` or `cancelled`, or the signal's reason.
   */
  generate(request: GenerateRequest, options?: SubmitOptions): Promise<Generation> {
    return this.#make({ path: "generate", body: request }, options);
  }

  /** Edits an image and waits for the results, like `generate`. */
  async edit(request: EditRequest, options?: SubmitOptions): Promise<Generation> {
    return this.#make(await editCall(request), options);
  }

  async #make(call: Call, { signal, idempotencyKey = newKey() }: SubmitOptions = {}): Promise<Generation> {
    signal?.throwIfAborted();
    let job: Job | undefined;
    try {
      const waitS = Math.floor((this.#http.silenceMs * WAIT_SHARE) / 1000);
      job = await this.#post(call, idempotencyKey, `wait=${waitS}`, signal);
      if (!isFinal(job.state)) job = await this.wait(job.id, { ...(signal && { signal }) });
      if (job.state !== "completed") throw jobProblem(job);
      return generation(job, await this.#images(job, signal));
    } catch (error) {
      if (signal?.aborted && !(job && isFinal(job.state))) void this.#abandon(call, idempotencyKey, job);
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** Queues a job and returns at once. */
  submit(request: GenerateRequest, options?: SubmitOptions): Promise<Job> {
    return this.#submit({ path: "generate", body: request }, options);
  }

  /** Queues an edit and returns at once. */
  async submitEdit(request: EditRequest, options?: SubmitOptions): Promise<Job> {
    return this.#submit(await editCall(request), options);
  }

  /** One page of the caller's jobs, the newest first. */
  jobs({ signal, ...query }: ListOptions = {}): Promise<JobList> {
    return this.#http.json("jobs", { query, signal });
  }

  /** The job's current state. */
  job(id: string, { signal }: CallOptions = {}): Promise<Job> {
    return this.#http.json(jobPath(id), { signal });
  }

  /** Waits until the job has completed, failed or been cancelled. Aborting the signal ends the wait, not the job. */
  async wait(id: string, { signal }: CallOptions = {}): Promise<Job> {
    for (let attempt = 0; ; attempt++) {
      const job = await this.#http.json<Job>(jobPath(id), { signal });
      if (isFinal(job.state)) return job;
      await sleep(backoff(attempt / 2, FIRST_POLL_MS), signal);
    }
  }

  /** The job's changes as they happen, until it ends; a broken connection is resumed where it broke. */
  events(id: string, options: EventOptions = {}): AsyncIterableIterator<JobEvent> {
    return jobEvents(this.#http, id, options);
  }

  /** Cancels the job; a job that has ended stays as it is. */
  cancel(id: string, { signal }: CallOptions = {}): Promise<Job> {
    return this.#http.json(jobPath(id), { method: "DELETE", signal });
  }

  /** Deletes a job that has ended, with its images. It is no error if the job has expired or was deleted before. */
  async deleteImages(id: string, { signal }: CallOptions = {}): Promise<void> {
    try {
      await this.#http.send(`${jobPath(id)}/images`, { method: "DELETE", signal });
    } catch (error) {
      // The request may be a repeated one, whose first answer was lost.
      if (!(error instanceof MarimbaProblem && error.code === "job_expired")) throw error;
    }
  }

  /** The bytes of image `index`, from 0, of a completed job. */
  image(id: string, index = 0, { signal }: CallOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return this.#http.bytes(`${jobPath(id)}/images/${index}`, { headers: { Accept: "image/*" }, signal });
  }

  /** All models, and the name of the default one. */
  models({ signal }: CallOptions = {}): Promise<ModelList> {
    return this.#http.json("models", { signal });
  }

  /** A model's classes: all, or those whose name, id or index matches `query`. */
  classes(
    model: string,
    { query, limit, signal }: CallOptions & { readonly query?: string; readonly limit?: number } = {},
  ): Promise<ClassList> {
    return this.#http.json(`models/${encodeURIComponent(model)}/classes`, { query: { query, limit }, signal });
  }

  #submit(call: Call, { signal, idempotencyKey = newKey() }: SubmitOptions = {}): Promise<Job> {
    return this.#post(call, idempotencyKey, "respond-async", signal, "link");
  }

  #post(
    { path, body }: Call,
    idempotencyKey: string,
    prefer: string,
    signal: AbortSignal | undefined,
    response_format: "base64" | "link" = "base64",
  ): Promise<Job> {
    const headers = { "Idempotency-Key": idempotencyKey, Prefer: prefer };
    return this.#http.json(path, { method: "POST", headers, json: { ...body, response_format }, signal });
  }

  #images(job: Job, signal: AbortSignal | undefined): Promise<Image[]> {
    const images = job.images.map(async ({ index, base64, content_type, width, height, timing }) => {
      const bytes =
        base64 === undefined ? await this.image(job.id, index, { ...(signal && { signal }) }) : fromBase64(base64);
      return { index, bytes, contentType: content_type, width, height, timing };
    });
    return Promise.all(images);
  }

  /** The key finds the job even if the abort came before its id. */
  async #abandon(call: Call, idempotencyKey: string, job: Job | undefined): Promise<void> {
    try {
      const { id } = job ?? (await this.#post(call, idempotencyKey, "respond-async", undefined));
      await this.cancel(id);
    } catch {
      // The caller is gone, and the job merely runs to its end.
    }
  }
}

/** A request that makes a job, without the response's format. */
interface Call {
  readonly path: "generate" | "edits";
  readonly body: object;
}

async function editCall({ image, mask, ...body }: EditRequest): Promise<Call> {
  const files = { image: await readFile(image), ...(mask && { mask: await readFile(mask) }) };
  return { path: "edits", body: { ...body, ...files } };
}

async function readFile(file: ImageFile): Promise<string> {
  return toBase64(file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file);
}

/** The images contain the bytes, so the job need not contain them too. */
function generation(answer: Job, images: Image[]): Generation {
  const job = { ...answer, images: answer.images.map(({ base64: _, ...image }) => image) };
  const { seed, parameters, model, timing } = job;
  const [first, ...others] = images;
  if (first && timing) return { images: [first, ...others], seed, parameters, model, timing, job };
  throw new MarimbaProblem({ code: "unexpected_answer", detail: "A completed job has no images." });
}

function jobPath(id: string): string {
  return `jobs/${encodeURIComponent(id)}`;
}

/** `crypto.randomUUID` exists in secure contexts only, which a page over plain HTTP is not. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
