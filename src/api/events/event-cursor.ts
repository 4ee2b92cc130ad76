import { isFinal, type JobRecord, type JobState } from "../../job.js";

/** An event of a job: its state with the whole job, or the progress of its images. */
export type JobEvent =
  | { readonly name: JobState; readonly id: number; readonly record: JobRecord }
  | { readonly name: "progress"; readonly id: number; readonly data: NonNullable<JobRecord["progress"]> };

/** The `seq` of a job that has not started. */
const QUEUED_SEQ = 1;

/**
 * Tracks what one client has seen of a job and decides which events it has not seen: the newest state, each state and step
 * once. States that passed between two records are skipped, except `running`, which has a start time of its own.
 */
export class EventCursor {
  #seq = 0;
  #state: JobState | undefined;
  #position: number | undefined;
  #step: number | undefined;

  /** Starts after the last event that the client received, or with the current state if it has received none. */
  constructor(record: JobRecord, lastEventId?: number) {
    // An id that the job has not reached belongs to another job, so the client has seen nothing of this one.
    if (lastEventId === undefined || lastEventId > record.seq) return;
    this.#seq = lastEventId;
    if (lastEventId === record.seq) {
      this.#state = record.state;
      this.#position = record.position;
      this.#step = record.progress?.step;
    } else {
      this.#state = lastEventId <= QUEUED_SEQ ? "queued" : "running";
    }
  }

  /** Whether the client has received the final event. */
  get isAtEnd(): boolean {
    return this.#state !== undefined && isFinal(this.#state);
  }

  /** The events that bring the client up to this record: `running` and one more at most, none if nothing is new. */
  advance(record: JobRecord): JobEvent[] {
    if (record.seq < this.#seq || this.isAtEnd) return [];
    const events = this.#eventsOf(record);
    this.#seq = record.seq;
    this.#state = record.state;
    this.#position = record.position ?? this.#position;
    this.#step = record.progress?.step;
    return events;
  }

  #eventsOf(record: JobRecord): JobEvent[] {
    const { seq, state, position, progress } = record;
    if (state === "running") {
      const events = this.#state === "running" ? [] : [startOf(record)];
      if (progress && progress.step !== this.#step) events.push({ name: "progress", id: seq, data: progress });
      return events;
    }
    const hasMoved = position !== undefined && position !== this.#position;
    if (state === this.#state && !hasMoved) return [];
    const hasMissedStart = this.#state === "queued" && record.startedAt !== undefined;
    const event: JobEvent = { name: state, id: seq, record };
    return hasMissedStart ? [startOf(record), event] : [event];
  }
}

/** `running` for a job that is further on. Its id is below the next event's, so that a client that got only this one gets the rest. */
function startOf(record: JobRecord): JobEvent {
  const { spec, seq, state, startedAt, progress } = record;
  const id = state === "running" && !progress ? seq : Math.max(QUEUED_SEQ + 1, seq - 1);
  if (state === "running") return { name: "running", id, record };
  const started = startedAt === undefined ? {} : { startedAt };
  return { name: "running", id, record: { spec, seq: id, state: "running", images: [], ...started } };
}
