// One request for pictures, from the form's body to bytes in hand.
import { connection, markLost, whenBack } from "./connection.js";
import { delay } from "./delay.js";
import { followJob } from "./follow-job.js";
import { request, requestJson, ServerError, Unreachable } from "./request.js";

const DEFAULT_RETRY_S = 5;
/** How long cancelling waits for the answer with the job's id, then for its own: the server itself waits 5 s for Redis. */
const ANSWER_MS = 5000;
const CANCEL_MS = 10_000;

/** Why a run ended without pictures: cancelled, failed for a reason that the server told, or lost by the server. */
export class Ended extends Error {
  constructor(message, state) {
    super(message);
    this.state = state;
  }
}

export class Run {
  #abort = new AbortController();
  #job;
  #isCancelled = false;
  #wasServerGone = false;
  /** The job, once the server has answered. */
  #answer;

  /**
   * `onEvent(name, data)` is told of the job's states, `progress` and `preview`. `job` is the one that was made for this
   * body already, before the page was loaded again.
   */
  constructor(body, onEvent, job) {
    this.body = body;
    this.onEvent = onEvent;
    this.#job = job;
  }

  /** Resolves with the pictures: what made each, its timing, and its bytes. `onAccepted(job)` is told before. */
  async pictures(onAccepted) {
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
      return await Promise.all(job.images.map((image) => this.#picture(job, image, signal)));
    } catch (error) {
      if (error instanceof Unreachable) markLost();
      // A request that was refused made no job.
      if (this.#isCancelled && !this.#job) throw new Ended("Cancelled.", "cancelled");
      throw this.#job && isGone(error) ? this.#lost() : error;
    } finally {
      connection.removeEventListener("lost", onLost);
    }
  }

  #ask(signal) {
    return requestJson("/generate", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", Prefer: "respond-async" },
      body: JSON.stringify(this.body),
      signal,
    });
  }

  /**
   * Where the answer with the job's id does not come, drops the request: the server cancels the job of a client that hangs
   * up. A server that is gone is told once it is back; `onUntold()` is called meanwhile. Throws what the server refuses.
   */
  async cancel(onUntold) {
    this.#isCancelled = true;
    await Promise.race([this.#answer.catch(() => {}), delay(ANSWER_MS)]);
    if (!this.#job) return this.#abort.abort(new Ended("Cancelled.", "cancelled"));
    for (;;) {
      try {
        return void (await request(this.#job.links.self, { method: "DELETE", timeoutMs: CANCEL_MS }));
      } catch (error) {
        if (isGone(error)) return this.#abort.abort(this.#lost());
        const isForNow = error instanceof Unreachable || (error instanceof ServerError && error.status === 503);
        if (!isForNow) throw error;
        onUntold();
        if (error instanceof Unreachable) markLost();
        else await delay((error.retryAfterS ?? DEFAULT_RETRY_S) * 1000);
        await whenBack();
      }
    }
  }

  #lost() {
    const why = this.#wasServerGone
      ? "The server was restarted and lost this job."
      : "The server no longer has this job.";
    return new Ended(why, "lost");
  }

  async #picture(job, { index, url, width, height, timing }, signal) {
    const blob = await fetchBytes(url, signal);
    const { parameters, seed, model, num_images } = job;
    const made = { parameters, seed, model, numImages: num_images, madeAt: Date.parse(job.finished_at) };
    return { id: `${job.id}-${index}`, index, width, height, timing, blob, body: { ...this.body, seed }, ...made };
  }
}

const isGone = (error) => error instanceof ServerError && error.status === 404;

/** A finished picture is worth waiting for a server that is gone for a moment. */
async function fetchBytes(url, signal) {
  for (;;) {
    try {
      return await (await request(url, { signal })).blob();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Unreachable || error instanceof TypeError)) throw error;
      markLost();
      await whenBack(signal);
    }
  }
}
