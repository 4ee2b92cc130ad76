import type { JobSpec, Priority } from "../../job.js";

/** Share of the images taken from each level while all of them have some waiting. */
const WEIGHTS: Readonly<Record<Priority, number>> = { high: 9, normal: 3, low: 1 };
const LEVELS: readonly Priority[] = ["high", "normal", "low"];

interface Level {
  readonly jobs: JobSpec[];
  /** Virtual time at which the level's turn comes: each image taken moves it on by 1 / weight. */
  turn: number;
}

/**
 * The waiting jobs of one model: in order within a priority, by weighted turns between priorities (start-time fair
 * queueing), so that the lowest is slow under load but never starves.
 */
export class WaitingLine {
  readonly #levels: Readonly<Record<Priority, Level>> = {
    high: { jobs: [], turn: 0 },
    normal: { jobs: [], turn: 0 },
    low: { jobs: [], turn: 0 },
  };
  /** Turn of the level that was drawn last: one that was empty joins here and can't claim the past. */
  #turn = 0;

  add(spec: JobSpec): void {
    const level = this.#levels[spec.priority];
    if (level.jobs.length === 0) level.turn = Math.max(level.turn, this.#turn);
    level.jobs.push(spec);
  }

  /** Takes out the job whose turn it is. */
  take(): JobSpec | undefined {
    let drawn: Priority | undefined;
    for (const priority of LEVELS) {
      const level = this.#levels[priority];
      if (level.jobs.length === 0) continue;
      if (drawn === undefined || level.turn < this.#levels[drawn].turn) drawn = priority;
    }
    if (drawn === undefined) return undefined;
    const level = this.#levels[drawn];
    const spec = level.jobs.shift()!;
    this.#turn = level.turn;
    level.turn += spec.num_images / WEIGHTS[drawn];
    return spec;
  }

  remove(spec: JobSpec): void {
    const { jobs } = this.#levels[spec.priority];
    const place = jobs.indexOf(spec);
    if (place >= 0) jobs.splice(place, 1);
  }

  /** Images of higher priority, and those before `spec` of its own. */
  imagesAhead(spec: JobSpec): number {
    let images = 0;
    for (const priority of LEVELS) {
      for (const other of this.#levels[priority].jobs) {
        if (other === spec) return images;
        images += other.num_images;
      }
    }
    return images;
  }
}
