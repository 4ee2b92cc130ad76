import { afterEach, describe } from "vitest";
import { canvasesContract } from "./contract/canvases.js";
import { endingsContract } from "./contract/endings.js";
import { eventsContract } from "./contract/events.js";
import { Bench, type MakeQueue, type Open } from "./contract/harness.js";
import { lifecycleContract } from "./contract/lifecycle.js";
import { limitsContract } from "./contract/limits.js";
import { listingContract } from "./contract/listing.js";
import { sharingContract } from "./contract/sharing.js";
import { totalsContract } from "./contract/totals.js";
import { webhooksContract } from "./contract/webhooks.js";

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

    lifecycleContract(open);
    sharingContract(open, make);
    eventsContract(open);
    endingsContract(open);
    limitsContract(open);
    webhooksContract(open);
    totalsContract(open);
    canvasesContract(open);
    listingContract(open);
  });
}
