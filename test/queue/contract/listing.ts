import { describe, expect, it } from "vitest";
import type { JobState } from "../../../src/job.js";
import type { JobPage } from "../../../src/queue/queue.js";
import { type Bench, type Open, USER_CANCELLED } from "./harness.js";

/** What a caller sees of its jobs together, and how it gets rid of them. */
export function listingContract(open: Open): void {
  const ids = ({ records }: JobPage) => records.map(({ spec }) => spec.id);

  /** All pages of a caller's list, one after another. */
  async function pages(bench: Bench, caller: string, limit: number, state?: JobState): Promise<string[][]> {
    const all: string[][] = [];
    for (let page: JobPage | undefined; page?.hasMore !== false; ) {
      page = await bench.queue.list(caller, { limit, state, after: page?.records.at(-1)?.spec });
      all.push(ids(page));
    }
    return all;
  }

  describe("a caller's jobs", () => {
    it("are listed in pages, the newest first, each once, and no other's", async () => {
      const bench = await open({}, 1);
      const own: { id: string; accepted_at: number }[] = [];
      for (let count = 0; count < 7; count++) {
        own.push((await bench.accept({ caller: "alice" })).spec);
        await bench.accept({ caller: "bob" });
      }
      const newestFirst = own
        .sort((a, b) => b.accepted_at - a.accepted_at || (a.id < b.id ? 1 : -1))
        .map(({ id }) => id);
      const listed = await pages(bench, "alice", 3);
      expect(listed.map(({ length }) => length)).toEqual([3, 3, 1]);
      expect(listed.flat()).toEqual(newestFirst);
      expect(await pages(bench, "carol", 3)).toEqual([[]]);
      await bench.takes(1);
      const { records } = await bench.queue.list("alice", { limit: 100 });
      for (const record of records) expect(record).toEqual(await bench.record(record.spec.id));
    });

    it("can be chosen by their state", async () => {
      const bench = await open({}, 1);
      const done = (await bench.accept({ caller: "alice" })).spec.id;
      await bench.drain(1);
      await bench.final(done);
      const running = (await bench.accept({ caller: "alice" })).spec.id;
      await bench.takes(2);
      const cancelled = (await bench.accept({ caller: "alice" })).spec.id;
      await bench.queue.cancel(cancelled, USER_CANCELLED);
      const queued = (await bench.accept({ caller: "alice" })).spec.id;
      const expected = { completed: [done], running: [running], cancelled: [cancelled], queued: [queued], failed: [] };
      for (const [state, own] of Object.entries(expected))
        expect(await pages(bench, "alice", 1, state as JobState), state).toEqual([own]);
    });
  });

  describe("deleting", () => {
    it("forgets a job that has ended, with its images and its idempotency key, and no other", async () => {
      const bench = await open();
      const { queue } = bench;
      const key = { key: "k", bodyHash: "h" };
      const accepted = await bench.submit({ caller: "alice" }, key);
      if (accepted.kind !== "accepted") expect.unreachable();
      const { id } = accepted.record.spec;
      const other = (await bench.accept({ caller: "alice" })).spec.id;
      const [first] = await bench.takes(2);
      await queue.delete(id);
      expect((await bench.record(id)).state).toBe("running");
      first!.complete();
      await bench.final(id);
      const before = (await queue.status()).keptBytes;
      expect(before).toBeGreaterThan(0);
      for (let times = 0; times < 2; times++) await queue.delete(id);
      expect((await queue.status()).keptBytes).toBe(0);
      expect(await queue.get(id)).toEqual({ kind: "expired" });
      expect(await queue.image(id, 0)).toBeUndefined();
      expect(ids(await queue.list("alice", { limit: 10 }))).toEqual([other]);
      expect((await bench.submit({ caller: "alice" }, key)).kind).toBe("accepted");
      await bench.drain(2, 1);
      expect((await bench.final(other))?.state).toBe("completed");
    });
  });
}
