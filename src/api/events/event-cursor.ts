import { isFinal, type JobRecord, type JobState } from "../../job.js";

/** One event of a job: its state with the job as it stands, or how far its images have come. */
export type JobEvent =
  | { readonly name: JobState; readonly id: number; readonly record: JobRecord }
  | { readonly name: "progress"; readonly id: number; readonly data: NonNullable<JobRecord["progress"]> };

/** The `seq` of a job that has not left the queue. */
const QUEUED_SEQ = 1;

/**
 * What one client knows of a job, and so what it is to be told: from record to record the newest state, each state and
 * step once. States that came and went between two records are not told, but for `running`, which has a time of its own.
 */
export class EventCursor {
  #seq = 0;
  #state: JobState | undefined;
  #position: number | undefined;
  #step: number | undefined;

  /** Begins behind the event that a client had last; at the present state for a client that had none. */
  constructor(record: JobRecord, lastEventId?: number) {
    // An id that the job has not come to was another job's: nothing is known, and all is told.
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

  /** Whether the client had the final event. */
  get isAtEnd(): boolean {
    return this.#state !== undefined && isFinal(this.#state);
  }

  /** The events that bring the client to this record: at most `running` and one more; none where nothing is new. */
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

/** `running` of a job that has come further; its id is below that of what follows, so that who has only it gets the rest. */
function startOf(record: JobRecord): JobEvent {
  const { spec, seq, state, startedAt, progress } = record;
  const id = state === "running" && !progress ? seq : Math.max(QUEUED_SEQ + 1, seq - 1);
  if (state === "running") return { name: "running", id, record };
  const started = startedAt === undefined ? {} : { startedAt };
  return { name: "running", id, record: { spec, seq: id, state: "running", images: [], ...started } };
}
