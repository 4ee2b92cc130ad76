import { describe, expect, it } from "vitest";
import { chunksBySize, runIsolated } from "../../src/engine/step-runs.js";

describe("runIsolated", () => {
  it.each([{ bad: [] }, { bad: [0] }, { bad: [4] }, { bad: [1, 2] }, { bad: [0, 1, 2, 3, 4] }])(
    "fails exactly the images $bad that fail alone",
    async ({ bad }) => {
      const failed: number[] = [];
      const done = new Set<number>();
      await runIsolated(
        [0, 1, 2, 3, 4],
        async (images) => {
          const culprit = images.find((image) => bad.includes(image));
          if (culprit !== undefined) throw new Error(`Image ${culprit} is bad.`);
          for (const image of images) done.add(image);
        },
        (image, reason) => {
          expect(reason).toBe(`Image ${image} is bad.`);
          failed.push(image);
        },
      );
      expect(failed).toEqual(bad);
      expect([...done].sort()).toEqual([0, 1, 2, 3, 4].filter((image) => !bad.includes(image)));
    },
  );

  it("runs a group that does not throw once", async () => {
    let runs = 0;
    await runIsolated([1, 2, 3], async () => void runs++, expect.fail);
    expect(runs).toBe(1);
  });
});

describe("chunksBySize", () => {
  it("keeps the order, fills to the limit, and lets a large one run alone", () => {
    const itself = (size: number) => size;
    expect(chunksBySize([2, 2, 1, 9, 3, 1], 4, itself)).toEqual([[2, 2], [1], [9], [3, 1]]);
    expect(chunksBySize([], 4, itself)).toEqual([]);
  });
});
