// One request, from the form's body to the bytes of its images.
import { connection, markLost, whenBack } from "./connection.js";
import { delay } from "./delay.js";
import { followJob } from "./follow-job.js";
import { jobPath, request, requestJson, ServerError, Silent, Unreachable } from "./request.js";

const DEFAULT_RETRY_S = 5;
/** Cancelling waits this long for the response with the job's id. */
const ANSWER_MS = 5000;
/** More than a browser's connections would wait for each other, and so count as silent. */
const FETCHES = 3;

/** The run ended without images: cancelled, failed, or lost by the server. */
export class Ended extends Error {
  constructor(message, state) {
    super(message);
    this.state = state;
  }
}

export class Run {
  #abort = new AbortController();
  /** Only secure contexts have `crypto.randomUUID`. */
  #key = crypto.getRandomValues(new Uint32Array(4)).join("-");
  #job;
  #isCancelled = false;
  #wasServerGone = false;
  /** The job, once the server has answered. */
  #answer;

  /**
   * `onEvent(name, data)` receives the job's states, `progress` and `preview`. `job` is the job of this body, if it was
   * submitted before the page was reloaded.
   */
  constructor(body, onEvent, job) {
    this.body = body;
    this.onEvent = onEvent;
    this.#job = job;
  }

  /** Resolves with the images: parameters, timing and bytes of each. Calls `onAccepted(job)` first. */
  async images(onAccepted) {
    const onLost = () => {
      this.#wasServerGone = true;
    };
    connection.addEventListener("lost", onLost);
    try {
      const { signal } = this.#abort;
      this.#answer = this.#job ? Promise.resolve(this.#job) : this.#ask(signal);
      this.#job = await this.#answer;
      onAccepted(this.#job);
      const job = await followJob(this.#job, { onEvent: this.onEvent, signal });
      if (job.state !== "completed") throw new Ended(job.error?.detail ?? `The job is ${job.state}.`, job.state);
      return await this.#fetchImages(job, signal);
    } catch (error) {
      if (error instanceof Unreachable) markLost();
      // A refused request has no job.
      if (this.#isCancelled && !this.#job) throw new Ended("Cancelled.", "cancelled");
      throw this.#job && isGone(error) ? this.#lost() : error;
    } finally {
      connection.removeEventListener("lost", onLost);
    }
  }

  /** Asks again on another connection if nothing comes back; the key makes sure that there is only one job. */
  async #ask(signal) {
    const headers = {
      "Content-Type": "application/json",
      Accept: "application/json",
      Prefer: "respond-async",
      "Idempotency-Key": this.#key,
    };
    const path = this.body.image ? "edits" : "generate";
    for (;;) {
      try {
        return await requestJson(path, { method: "POST", headers, body: JSON.stringify(this.body), signal });
      } catch (error) {
        if (!(error instanceof Silent)) throw error;
        markLost();
        await whenBack(signal);
      }
    }
  }

  /**
   * If the response with the job's id does not arrive, drops the request and cancels the job that it may have created. If the
   * server is gone, calls `onPending()` and cancels once it is back. Throws the server's error.
   */
  async cancel(onPending) {
    this.#isCancelled = true;
    await Promise.race([this.#answer.catch(() => {}), delay(ANSWER_MS)]);
    if (!this.#job) {
      this.#abort.abort(new Ended("Cancelled.", "cancelled"));
      return void this.#withdraw().catch(() => {});
    }
    for (;;) {
      try {
        return void (await request(jobPath(this.#job), { method: "DELETE" }));
      } catch (error) {
        if (isGone(error)) return this.#abort.abort(this.#lost());
        const isTemporary = error instanceof Unreachable || (error instanceof ServerError && error.status === 503);
        if (!isTemporary) throw error;
        onPending();
        if (error instanceof Unreachable) markLost();
        else await delay((error.retryAfterS ?? DEFAULT_RETRY_S) * 1000);
        await whenBack();
      }
    }
  }

  /** The key finds the job, if there is one. */
  async #withdraw() {
    await request(jobPath(await this.#ask()), { method: "DELETE" });
  }

  #lost() {
    const why = this.#wasServerGone
      ? "The server was restarted and lost this job."
      : "The server no longer has this job.";
    return new Ended(why, "lost");
  }

  async #fetchImages(job, signal) {
    const made = [];
    const left = job.images.values();
    const fetchSome = async () => {
      for (const image of left) made[image.index] = await this.#image(job, image, signal);
    };
    await Promise.all(Array.from({ length: FETCHES }, fetchSome));
    return made;
  }

  async #image(job, { index, width, height, timing }, signal) {
    const blob = await fetchBytes(`${jobPath(job)}/images/${index}`, signal);
    const { parameters, seed, model, num_images } = job;
    const made = { parameters, seed, model, numImages: num_images, madeAt: Date.parse(job.finished_at) };
    return { id: `${job.id}-${index}`, index, width, height, timing, blob, body: { ...this.body, seed }, ...made };
  }
}

const isGone = (error) => error instanceof ServerError && error.status === 404;

/** Waits for a server that is gone, because the image is finished. */
async function fetchBytes(path, signal) {
  for (;;) {
    try {
      return await (await request(path, { signal })).blob();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Unreachable || error instanceof TypeError)) throw error;
      markLost();
      await whenBack(signal);
    }
  }
}
