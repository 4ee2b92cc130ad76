import { afterEach, describe } from "vitest";
import { allowingContract } from "./contract/allowing.js";
import { countingContract } from "./contract/counting.js";
import { endingContract } from "./contract/ending.js";
import { Bench, type MakeQueue, type Open } from "./contract/harness.js";
import { sharingContract } from "./contract/sharing.js";
import { tellingContract } from "./contract/telling.js";
import { watchingContract } from "./contract/watching.js";
import { wayContract } from "./contract/way.js";

export type { MakeQueue, QueueLimits, QueueUnderTest } from "./contract/harness.js";

/** What every adapter of the queue promises, whatever stores its jobs. */
export function queueContract(name: string, makeQueue: MakeQueue): void {
  describe(`${name}: queue contract`, () => {
    const opened: Bench[] = [];
    afterEach(async () => {
      for (const bench of opened.splice(0)) await bench.close();
    });
    const make = async (limits = {}) => {
      const bench = await Bench.make(makeQueue, limits);
      opened.push(bench);
      return bench;
    };
    const open: Open = async (limits = {}, maxImages = 4, models = ["demo"]) =>
      (await make(limits)).start(maxImages, models);

    wayContract(open);
    sharingContract(open, make);
    watchingContract(open);
    endingContract(open);
    allowingContract(open);
    tellingContract(open);
    countingContract(open);
  });
}
