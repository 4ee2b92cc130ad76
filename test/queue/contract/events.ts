import { describe, expect, it } from "vitest";
import type { JobRecord, Preview } from "../../../src/job.js";
import { eventually } from "../../eventually.js";
import { LONG_MS, type Open, USER_CANCELLED } from "./harness.js";

/** Waiting for a job, and following its changes. */
export function eventsContract(open: Open): void {
  describe("waiting", () => {
    it("returns the record as it stands after the timeout, or when the caller gives up", async () => {
      const bench = await open();
      const { queue } = bench;
      const { id } = (await bench.accept()).spec;
      await bench.takes(1);
      expect((await queue.wait(id, 0))?.state).toBe("running");
      expect((await queue.wait(id, 20))?.state).toBe("running");
      const caller = new AbortController();
      const waiting = queue.wait(id, LONG_MS, caller.signal);
      caller.abort();
      expect((await waiting)?.state).toBe("running");
      expect((await queue.wait(id, LONG_MS, caller.signal))?.state).toBe("running");
    });

    it("wakes all that wait", async () => {
      const bench = await open();
      const { id } = (await bench.accept()).spec;
      const waiting = [bench.final(id), bench.final(id)];
      await bench.drain(1);
      for (const record of await Promise.all(waiting)) expect(record?.state).toBe("completed");
    });
  });

  describe("subscribers", () => {
    const shown = ({ state, progress }: JobRecord) => (progress ? `${state} ${progress.step}` : state);

    it("get the present record first, then every change until they leave", async () => {
      const bench = await open({}, 1);
      await bench.accept();
      await bench.takes(1);
      const { id } = (await bench.accept()).spec;
      const seen: JobRecord[] = [];
      const left: JobRecord[] = [];
      bench.queue.subscribe(id, { onChange: (record) => seen.push(record) });
      const leave = bench.queue.subscribe(id, { onChange: (record) => left.push(record) });
      const sees = (text: string) => eventually(() => expect(seen.map(shown)).toContain(text));
      await sees("queued");
      await eventually(() => expect(left).not.toHaveLength(0));
      leave();
      await bench.drain(1);
      await sees("running");
      (await bench.takes(2))[1]!.context.progress(1, 2);
      await sees("running 1");
      await bench.drain(1, 1);
      await sees("completed 2");
      expect([...new Set(seen.map(shown))]).toEqual(["queued", "running", "running 1", "completed 2"]);
      expect([...new Set(left.map(shown))]).toEqual(["queued"]);
    });

    it("get a record once, though others subscribe", async () => {
      const bench = await open();
      const { id } = (await bench.accept()).spec;
      await bench.takes(1);
      await bench.next(id, ({ state }) => state === "running");
      const seen: string[] = [];
      bench.queue.subscribe(id, { onChange: (record) => seen.push(shown(record)) });
      await eventually(() => expect(seen).toEqual(["running"]));
      for (let i = 0; i < 3; i++) await bench.next(id, ({ state }) => state === "running");
      expect(seen).toEqual(["running"]);
    });

    it("see the sequence number rise with every change, and the final record last", async () => {
      const bench = await open();
      const { spec, seq } = await bench.accept({ num_images: 2 });
      const seen: JobRecord[] = [];
      bench.queue.subscribe(spec.id, { onChange: (record) => seen.push(record) });
      for (const image of await bench.takes(2)) {
        for (const step of [1, 2, 3]) image.context.progress(step, 3);
        image.complete();
      }
      const final = await bench.final(spec.id);
      await eventually(() => expect(seen.at(-1)?.state).toBe("completed"));
      const seqs = seen.map((record) => record.seq);
      expect(seqs[0]).toBeGreaterThanOrEqual(seq);
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
      expect(final!.seq).toBe(seqs.at(-1));
      expect((await bench.record(spec.id)).seq).toBe(seqs.at(-1));
    });

    it("that come late begin with the job as it stands; after its end they get nothing else", async () => {
      const bench = await open();
      const { id } = (await bench.accept()).spec;
      const [image] = await bench.takes(1);
      image!.context.progress(2, 8);
      await bench.next(id, ({ progress }) => progress?.step === 2);
      const running: string[] = [];
      bench.queue.subscribe(id, { onChange: (record) => running.push(shown(record)) });
      await eventually(() => expect(running).toEqual(["running 2"]));
      image!.complete();
      await bench.final(id);
      const done: string[] = [];
      bench.queue.subscribe(id, { onChange: (record) => done.push(shown(record)) });
      await eventually(() => expect(done).not.toHaveLength(0));
      await eventually(() => expect(running.at(-1)).toBe("completed 8"));
      expect(done).toEqual(["completed 8"]);
      expect(running).toEqual(["running 2", "completed 8"]);
    });
  });

  describe("previews", () => {
    const preview = (step: number): Preview => {
      return { imageIndex: 1, step, of: 8, bytes: new Uint8Array([0, 255, step]), contentType: "image/png" };
    };

    it("are wanted while a subscriber listens for them, and reach it", async () => {
      const bench = await open();
      const { id } = (await bench.accept({ num_images: 2 })).spec;
      const { context } = (await bench.takes(2))[1]!;
      const wants = (wanted: boolean) => eventually(() => expect(context.wantsPreview()).toBe(wanted));
      expect(context.wantsPreview()).toBe(false);
      const records: JobRecord[] = [];
      bench.queue.subscribe(id, { onChange: (record) => records.push(record) });
      await eventually(() => expect(records).not.toHaveLength(0));
      expect(context.wantsPreview()).toBe(false);
      const seen: Preview[] = [];
      const listener = { onChange() {}, onPreview: (one: Preview) => seen.push(one) };
      const leave = [bench.queue.subscribe(id, listener), bench.queue.subscribe(id, listener)];
      await wants(true);
      context.preview(preview(3));
      await eventually(() => expect(seen.filter(({ step }) => step === 3)).toHaveLength(2));
      expect(seen[0]).toMatchObject({ imageIndex: 1, step: 3, of: 8, contentType: "image/png" });
      expect(Array.from(seen[0]!.bytes)).toEqual([0, 255, 3]);
      leave[0]!();
      context.preview(preview(4));
      await eventually(() => expect(seen.filter(({ step }) => step === 4)).toHaveLength(1));
      leave[1]!();
      await wants(false);
      expect((await bench.record(id)).state).toBe("running");
    });

    it("end once the job is final", async () => {
      const bench = await open();
      const { id } = (await bench.accept()).spec;
      const [image] = await bench.takes(1);
      const events: string[] = [];
      bench.queue.subscribe(id, {
        onChange: ({ state }) => events.push(state),
        onPreview: ({ step }) => events.push(`preview ${step}`),
      });
      await eventually(() => expect(image!.context.wantsPreview()).toBe(true));
      image!.context.preview(preview(7));
      await bench.queue.cancel(id, USER_CANCELLED);
      image!.context.preview(preview(8));
      await eventually(() => expect(events).toContain("cancelled"));
      await eventually(() => expect(image!.context.wantsPreview()).toBe(false));
      expect(events.at(-1)).toBe("cancelled");
      image!.complete();
    });
  });
}
