import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventCursor, type JobEvent } from "../../../src/api/events/event-cursor.js";
import type { JobRecord, JobState } from "../../../src/job.js";
import { exampleSpec } from "../../queue/example-job.js";

const spec = exampleSpec();
const OF = 5;

const queued = (position: number): JobRecord => ({ spec, state: "queued", seq: 1, position, images: [] });
const running = (step: number): JobRecord => ({
  spec,
  state: "running",
  seq: 2 + step,
  startedAt: 1,
  images: [],
  ...(step > 0 && { progress: { step, of: OF } }),
});
const ended = (state: JobState, seq: number, startedAt?: number): JobRecord => ({
  spec,
  state,
  seq,
  images: [],
  finishedAt: 2,
  ...(startedAt !== undefined && { startedAt }),
});

const told = (events: readonly JobEvent[]) =>
  events.map((event) => {
    if (event.name === "progress") return `progress ${event.data.step} #${event.id}`;
    return `${event.name}${event.record.position === undefined ? "" : ` ${event.record.position}`} #${event.id}`;
  });

/** What a new client is told of the records, one after another. */
function tellAll(records: readonly JobRecord[], lastEventId?: number): string[] {
  const cursor = new EventCursor(records[0]!, lastEventId);
  return records.flatMap((record) => told(cursor.advance(record)));
}

describe("a client that is there from the beginning", () => {
  it("gets each state, each step and each change of the position once", () => {
    const records = [queued(2), queued(2), queued(1), running(0), running(0), running(1), running(2)];
    expect(tellAll([...records, ended("completed", 8, 1), ended("completed", 8, 1)])).toEqual([
      "queued 2 #1",
      "queued 1 #1",
      "running #2",
      "progress 1 #3",
      "progress 2 #4",
      "completed #8",
    ]);
  });

  it("gets the start that came between two records, if there was one", () => {
    expect(tellAll([queued(0), ended("completed", 9, 1)])).toEqual(["queued 0 #1", "running #8", "completed #9"]);
    expect(tellAll([queued(0), running(3)])).toEqual(["queued 0 #1", "running #4", "progress 3 #5"]);
    expect(tellAll([queued(0), ended("cancelled", 2)])).toEqual(["queued 0 #1", "cancelled #2"]);
  });

  it("is shown the job as it was when it started, without what came later", () => {
    const record = { ...ended("failed", 7, 1), error: { code: "internal", detail: "x" }, expiresAt: 3 };
    const cursor = new EventCursor(queued(0));
    cursor.advance(queued(0));
    const [start] = cursor.advance(record);
    expect(start).toEqual({
      name: "running",
      id: 6,
      record: { spec, seq: 6, state: "running", images: [], startedAt: 1 },
    });
  });

  it("gets nothing older than it has", () => {
    expect(tellAll([running(3), running(1), queued(0), running(4)])).toEqual([
      "running #4",
      "progress 3 #5",
      "progress 4 #6",
    ]);
  });

  it("gets no position that a record leaves out, nor the same one again after it", () => {
    const { position: _, ...unplaced } = queued(0);
    expect(tellAll([queued(3), unplaced, queued(3), queued(2)])).toEqual(["queued 3 #1", "queued 2 #1"]);
  });
});

describe("a client that comes later", () => {
  it("begins at the present state", () => {
    expect(tellAll([running(2), ended("completed", 9, 1)])).toEqual(["running #3", "progress 2 #4", "completed #9"]);
    expect(tellAll([ended("completed", 9, 1)])).toEqual(["completed #9"]);
  });

  it("that reconnects gets what is newer than its last event", () => {
    expect(tellAll([queued(1), queued(1), queued(0)], 1)).toEqual(["queued 0 #1"]);
    expect(tellAll([ended("completed", 9, 1)], 1)).toEqual(["running #8", "completed #9"]);
    expect(tellAll([ended("completed", 9, 1)], 4)).toEqual(["completed #9"]);
    expect(tellAll([running(2), running(3)], 3)).toEqual(["progress 2 #4", "progress 3 #5"]);
    expect(tellAll([running(2), running(3)], 4)).toEqual(["progress 3 #5"]);
    expect(tellAll([ended("completed", 9, 1)], 9)).toEqual([]);
  });

  it("with an id that the job has not reached gets everything", () => {
    expect(tellAll([queued(0)], 5)).toEqual(["queued 0 #1"]);
    expect(tellAll([ended("completed", 9, 1)], 10)).toEqual(["completed #9"]);
  });

  it("knows when it has had the final event", () => {
    expect(new EventCursor(ended("completed", 9, 1), 9).isAtEnd).toBe(true);
    expect(new EventCursor(ended("completed", 9, 1), 8).isAtEnd).toBe(false);
    expect(new EventCursor(running(7), 9).isAtEnd).toBe(false);
  });
});

describe("whatever is skipped and wherever the connection breaks", () => {
  const histories = fc.record({
    positions: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
    steps: fc.nat(OF),
    end: fc.constantFrom<JobState>("completed", "failed", "cancelled"),
    isStarted: fc.boolean(),
  });

  it("no event comes twice, the start comes before the end, and the end always comes", () => {
    fc.assert(
      fc.property(histories, fc.infiniteStream(fc.nat(9)), ({ positions, steps, end, isStarted }, draws) => {
        const draw = () => draws.next().value as number;
        const begun = isStarted ? Array.from({ length: steps + 1 }, (_, step) => running(step)) : [];
        const last = begun.at(-1)?.seq ?? 1;
        const records = [...positions.map(queued), ...begun, ended(end, last + 1, isStarted ? 1 : undefined)];
        const seen: string[] = [];
        let lastEventId: number | undefined;
        let cursor: EventCursor | undefined;
        for (let at = 0; at < records.length; ) {
          const record = records[at]!;
          cursor ??= new EventCursor(record, lastEventId);
          const isEnd = at === records.length - 1;
          for (const event of cursor.advance(record)) {
            seen.push(told([event])[0]!);
            lastEventId = event.id;
            if (draw() !== 0) continue;
            cursor = undefined;
            break;
          }
          // The last record stays until its client has had it; others may be skipped.
          if (!isEnd) at = Math.min(records.length - 1, at + (cursor ? 1 : 0) + (draw() < 3 ? draw() : 0));
          else if (cursor) break;
        }
        const names = seen.map((one) => one.split(" ")[0]!);
        expect(names.at(-1)).toBe(end);
        expect(names.filter((name) => name === end)).toHaveLength(1);
        expect(names.filter((name) => name === "running").length).toBeLessThanOrEqual(1);
        if (names[0] === "queued" && isStarted) expect(names).toContain("running");
        if (!isStarted) expect(names).not.toContain("running");
        const progress = seen.filter((one) => one.startsWith("progress"));
        expect(new Set(progress).size).toBe(progress.length);
      }),
      { seed: 4, numRuns: 2000 },
    );
  });
});
