import type { JobSpec, Priority } from "../../job.js";
import { type ImageTask, PRIORITY_WEIGHTS } from "../queue.js";

const LEVELS: readonly Priority[] = ["high", "normal", "low"];

/** A job of which images `next` and following wait. */
interface WaitingJob {
  readonly spec: JobSpec;
  next: number;
}

/** What one caller has waiting on one level: its jobs by id, first come, first served. */
interface Caller {
  readonly jobs: Map<string, WaitingJob>;
  images: number;
}

interface Level {
  /** In the order of their turns: the caller that is served goes to the end. Each has a waiting image. */
  readonly callers: Map<string, Caller>;
  images: number;
  /** Virtual time at which the level's turn comes: each image taken moves it on by 1 / weight. */
  turn: number;
}

/**
 * The waiting images of one model. Priorities share by weighted turns (start-time fair queueing), so that the lowest is
 * slow under load but never starves. Callers of one priority take turns image by image; a new caller waits for at most one
 * image of each other.
 */
export class WaitingLine {
  /** Images that were handed out and came back: they go first, whatever their level, and are not charged again. */
  #requeued: ImageTask[] = [];
  readonly #levels: Readonly<Record<Priority, Level>> = { high: emptyLevel(), normal: emptyLevel(), low: emptyLevel() };
  /** Turn of the level that was drawn last: a level that was empty joins here and can't claim the past. */
  #turn = 0;

  /** Puts all images of a job behind its caller's others. */
  add(spec: JobSpec): void {
    const level = this.#levels[spec.priority];
    if (level.images === 0) level.turn = Math.max(level.turn, this.#turn);
    const name = callerOf(spec);
    const caller = level.callers.get(name) ?? { jobs: new Map(), images: 0 };
    level.callers.set(name, caller);
    caller.jobs.set(spec.id, { spec, next: 0 });
    caller.images += spec.num_images;
    level.images += spec.num_images;
  }

  /** Puts an image that was taken at the very front. */
  requeue(task: ImageTask): void {
    this.#requeued.push(task);
  }

  /** Takes out the image whose turn it is. */
  take(): ImageTask | undefined {
    const requeued = this.#requeued.shift();
    if (requeued) return requeued;
    let drawn: Priority | undefined;
    for (const priority of LEVELS) {
      const level = this.#levels[priority];
      if (level.images === 0) continue;
      if (drawn === undefined || level.turn < this.#levels[drawn].turn) drawn = priority;
    }
    if (drawn === undefined) return undefined;
    const level = this.#levels[drawn];
    this.#turn = level.turn;
    level.turn += 1 / PRIORITY_WEIGHTS[drawn];
    return takeInTurn(level);
  }

  /** Takes out the waiting images of a job; returns how many these were. */
  remove(spec: JobSpec): number {
    const before = this.#requeued.length;
    this.#requeued = this.#requeued.filter((task) => task.spec.id !== spec.id);
    const removed = before - this.#requeued.length;
    const level = this.#levels[spec.priority];
    const caller = level.callers.get(callerOf(spec));
    const job = caller?.jobs.get(spec.id);
    if (!caller || !job) return removed;
    const images = waitingImages(job);
    caller.jobs.delete(spec.id);
    caller.images -= images;
    level.images -= images;
    if (caller.images === 0) level.callers.delete(callerOf(spec));
    return removed + images;
  }

  /** All that wait. */
  get images(): number {
    return this.#requeued.length + LEVELS.reduce((sum, priority) => sum + this.#levels[priority].images, 0);
  }

  /** Images that go before the first of `spec`, if nothing else comes: those of higher levels, and the turns of its own. */
  imagesAhead(spec: JobSpec): number {
    let images = this.#requeued.length;
    for (const priority of LEVELS) {
      if (priority === spec.priority) break;
      images += this.#levels[priority].images;
    }
    const { callers } = this.#levels[spec.priority];
    const own = callers.get(callerOf(spec));
    let ownAhead = 0;
    for (const job of own?.jobs.values() ?? []) {
      if (job.spec.id === spec.id) break;
      ownAhead += waitingImages(job);
    }
    let turnsAhead = ownAhead + 1;
    for (const caller of callers.values()) {
      if (caller === own) turnsAhead = ownAhead;
      images += Math.min(caller.images, turnsAhead);
    }
    return images;
  }
}

function takeInTurn(level: Level): ImageTask {
  const [name, caller] = level.callers.entries().next().value!;
  const job: WaitingJob = caller.jobs.values().next().value!;
  const task = { spec: job.spec, imageIndex: job.next++ };
  if (waitingImages(job) === 0) caller.jobs.delete(job.spec.id);
  caller.images--;
  level.images--;
  level.callers.delete(name);
  if (caller.images > 0) level.callers.set(name, caller);
  return task;
}

/** Jobs without a caller belong to one caller. */
const callerOf = (spec: JobSpec): string => spec.caller ?? "";

const waitingImages = ({ spec, next }: WaitingJob): number => spec.num_images - next;

const emptyLevel = (): Level => ({ callers: new Map(), images: 0, turn: 0 });
