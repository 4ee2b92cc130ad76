import { describe, expect, it } from "vitest";
import { eventually } from "../../eventually.js";
import { accepted, type Bench, type Open, type QueueLimits, type TakenImage, USER_CANCELLED } from "./harness.js";

/** How many may wait, and who is served first. */
export function sharingContract(open: Open, make: (limits?: Partial<QueueLimits>) => Promise<Bench>): void {
  describe("room", () => {
    it("refuses jobs above the cap of waiting images, says when to retry, and accepts jobs again later", async () => {
      const bench = await open({ maxQueuedImages: 4 }, 1);
      await bench.accept();
      await bench.takes(1);
      await bench.accept({ num_images: 3 });
      const refused = await bench.submit({ num_images: 2 });
      expect(refused).toEqual({ kind: "full", retryAfterS: expect.any(Number) });
      if (refused.kind === "full") expect(refused.retryAfterS).toBeGreaterThanOrEqual(1);
      const last = await bench.accept();
      const stats = { waitingImages: 4, runningImages: 1, maxQueuedImages: 4 };
      await eventually(async () => expect(await bench.queue.stats()).toMatchObject(stats));
      await bench.queue.cancel(last.spec.id, USER_CANCELLED);
      expect((await bench.submit()).kind).toBe("accepted");
    });

    it("gives a worker no more images of a model at a time than it asked for", async () => {
      const bench = await open({}, 2);
      for (const num_images of [1, 3, 1]) await bench.accept({ num_images });
      // Else the first may be done before the second is taken.
      await bench.takes(2);
      const order = (await bench.drain(5)).map(({ spec, imageIndex }) => `${spec.num_images}/${imageIndex}`);
      expect([...order].sort()).toEqual(["1/0", "1/0", "3/0", "3/1", "3/2"]);
      expect(bench.mostHeld).toBe(2);
    });

    it("keeps one model's jobs from holding up another's", async () => {
      const bench = await open({}, 1, ["demo", "other"]);
      await bench.accept();
      await bench.accept();
      await bench.accept({ model: "other" });
      expect((await bench.takes(2)).map(({ spec }) => spec.model).sort()).toEqual(["demo", "other"]);
      expect((await bench.queue.stats()).models).toEqual(expect.arrayContaining(["demo", "other"]));
    });

    it("refuses jobs of a model that no worker serves, and all jobs before a worker has started", async () => {
      const bench = await open();
      expect(await bench.submit({ model: "other" })).toEqual({ kind: "no_worker" });
      const idle = await make();
      expect(await idle.submit()).toEqual({ kind: "no_worker" });
      expect((await idle.queue.stats()).models).toEqual([]);
    });
  });

  describe("priority", () => {
    it("lets high overtake and low wait, but starves no level", async () => {
      const bench = await open({}, 1);
      await bench.accept();
      await bench.takes(1);
      for (const priority of ["low", "normal", "high"] as const) {
        for (let count = 0; count < 20; count++) await bench.accept({ priority });
      }
      await bench.drain(1);
      const order = (await bench.drain(60, 1)).map(({ spec }) => spec.priority);
      expect(order[0]).toBe("high");
      const share = (priority: string) => order.slice(0, 20).filter((other) => other === priority).length;
      expect(share("high")).toBeGreaterThan(share("normal"));
      expect(share("normal")).toBeGreaterThan(share("low"));
      expect(share("low")).toBeGreaterThan(0);
    });

    it("is first come, first served for one caller within one priority", async () => {
      const bench = await open({}, 1);
      for (let seed = 0; seed < 6; seed++) await bench.accept({ seed });
      expect((await bench.drain(6)).map(({ spec }) => spec.seed)).toEqual([0, 1, 2, 3, 4, 5]);
    });

    it("gives a queued job's position in images", async () => {
      const bench = await open({}, 1);
      await bench.accept();
      await bench.takes(1);
      expect((await bench.accept({ num_images: 3 })).position).toBe(0);
      const last = await bench.accept();
      expect(last.position).toBe(3);
      await bench.accept({ priority: "low" });
      await bench.accept({ priority: "high", num_images: 2 });
      expect((await bench.record(last.spec.id)).position).toBe(5);
    });
  });

  describe("callers of one priority", () => {
    const callers = (images: readonly TakenImage[]) => images.map(({ spec }) => spec.caller).join("");

    it("share: a caller with few images is not behind all of a caller with many", async () => {
      const bench = await open({}, 1);
      await bench.accept({ caller: "a" });
      await bench.takes(1);
      for (let count = 0; count < 4; count++) await bench.accept({ caller: "a", num_images: 5 });
      const [first, second] = [await bench.accept({ caller: "b" }), await bench.accept({ caller: "b" })];
      expect(first.position).toBeLessThanOrEqual(1);
      expect(second.position).toBeLessThanOrEqual(3);
      const order = callers((await bench.drain(23)).slice(1));
      expect(order.slice(0, 5)).toMatch(/^a*ba+ba*$/);
      expect(order.replaceAll("b", "")).toBe("a".repeat(20));
    });

    it("share evenly, however they divide their images into jobs", async () => {
      const bench = await open({}, 1);
      await bench.accept({ caller: "x" });
      await bench.takes(1);
      await bench.accept({ caller: "a", num_images: 12 });
      for (let count = 0; count < 12; count++) await bench.accept({ caller: "b" });
      await bench.accept({ caller: "c", num_images: 6 });
      await bench.accept({ caller: "c", num_images: 6 });
      const order = callers((await bench.drain(19)).slice(1));
      for (const caller of "abc") expect(order.split(caller)).toHaveLength(6 + 1);
    });

    it("are not pushed out by one that comes back again and again", async () => {
      const bench = await open({}, 1);
      await bench.accept({ caller: "x" });
      await bench.takes(1);
      await bench.accept({ caller: "a", num_images: 10 });
      for (let index = 0; index < 10; index++) {
        await bench.accept({ caller: "b" });
        await bench.drain(2, 2 * index);
      }
      const order = callers(bench.taken.slice(1, 20));
      expect(order.split("a").length - 1).toBeGreaterThanOrEqual(9);
    });

    it("are one where they are not named", async () => {
      const bench = await open({}, 1);
      await bench.accept();
      await bench.takes(1);
      await bench.accept({ num_images: 4, seed: 1 });
      expect((await bench.accept({ seed: 2 })).position).toBe(4);
      expect((await bench.drain(6)).map(({ spec }) => spec.seed)).toEqual([7, 1, 1, 1, 1, 2]);
    });

    it("don't wait for the end of another's large job", async () => {
      const bench = await open({}, 4);
      const large = await bench.accept({ caller: "a", num_images: 10 });
      await bench.takes(4);
      const single = await bench.accept({ caller: "b", seed: 3 });
      await bench.drain(2);
      const place = (await bench.takes(6)).findIndex(({ spec }) => spec.id === single.spec.id);
      expect(place).toBeGreaterThanOrEqual(4);
      bench.taken[place]!.complete();
      expect(await bench.final(single.spec.id)).toMatchObject({ state: "completed" });
      await bench.drain(9, 2);
      expect(await bench.final(large.spec.id)).toMatchObject({ state: "completed" });
      for (let index = 0; index < 10; index++) {
        expect((await bench.queue.image(large.spec.id, index))!.bytes[1]).toBe(index);
      }
    });
  });

  describe("idempotency", () => {
    const idempotency = { key: "caller:key", bodyHash: "a" };

    it("finds the job of the first try, waiting, running or done, and uses no room", async () => {
      const bench = await open({ maxQueuedImages: 1 }, 1);
      await bench.accept();
      await bench.takes(1);
      const { id } = accepted(await bench.submit({}, idempotency)).spec;
      const existing = (state: string) => ({ kind: "existing", record: { spec: { id }, state } });
      expect(await bench.submit({}, idempotency)).toMatchObject(existing("queued"));
      await bench.drain(1);
      await bench.takes(2);
      expect(await bench.submit({}, idempotency)).toMatchObject(existing("running"));
      await bench.drain(1, 1);
      await bench.final(id);
      expect(await bench.submit({}, idempotency)).toMatchObject(existing("completed"));
    });

    it("makes one job of requests that come at once", async () => {
      const bench = await open();
      const results = await Promise.all(Array.from({ length: 8 }, () => bench.submit({}, idempotency)));
      expect(results.map(({ kind }) => kind).sort()).toEqual(["accepted", ...Array(7).fill("existing")]);
      expect(new Set(results.map((result) => "record" in result && result.record.spec.id)).size).toBe(1);
    });

    it("is a conflict with another body, and another job with another key", async () => {
      const bench = await open();
      await bench.submit({}, idempotency);
      expect(await bench.submit({}, { ...idempotency, bodyHash: "b" })).toEqual({ kind: "conflict" });
      expect((await bench.submit({}, { key: "other:key", bodyHash: "a" })).kind).toBe("accepted");
    });

    it("forgets the key of a request that was refused", async () => {
      const bench = await open({ maxQueuedImages: 1 }, 1);
      await bench.accept();
      await bench.takes(1);
      const waiting = await bench.accept();
      expect((await bench.submit({}, idempotency)).kind).toBe("full");
      await bench.queue.cancel(waiting.spec.id, USER_CANCELLED);
      expect((await bench.submit({}, { ...idempotency, bodyHash: "b" })).kind).toBe("accepted");
    });
  });
}
