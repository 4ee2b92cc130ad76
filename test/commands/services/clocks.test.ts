import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../eventually.js";
import { FakeClock } from "../../fake-clock.js";
import { accepted, deployments, hasEnded, hasProgress, type Job, jobWhere } from "../deployment.js";

const { deploy } = deployments();
const clocks: FakeClock[] = [];
afterEach(() => {
  for (const clock of clocks.splice(0)) clock.remove();
});

function clockOff(offsetS: number): FakeClock {
  const clock = new FakeClock(offsetS);
  clocks.push(clock);
  return clock;
}

/** Long enough that the clock can be set while the image runs. */
const LONG = { class: "star", seed: 1, steps: 64, diffusion_steps: 50, deadline_ms: 600_000 };
const HOUR_S = 3600;

async function expectRightTimes(job: Job, elapsedMs: number): Promise<void> {
  expect(job).toMatchObject({ state: "completed", timing: { total_ms: expect.any(Number) } });
  const { total_ms, queue_ms } = (job as unknown as { timing: Record<string, number> }).timing;
  expect(total_ms).toBeLessThan(elapsedMs);
  expect(queue_ms).toBeGreaterThan(0);
}

describe("a process whose clock is wrong", () => {
  it.each([300, -300])("by %i seconds is reported by the log, queue status and a metric", async (skewS) => {
    const { api, worker, queue } = deploy({ LOCK_MS: "3000" });
    const { environment } = clockOff(skewS);
    const [{ address }, working] = await Promise.all([api(), worker(environment)]);
    const off = skewS > 0 ? /300\.\d s ahead of that of Redis/g : /(300|299)\.\d s behind that of Redis/g;
    await eventually(() => expect(working.stderr.match(off)).toHaveLength(1));
    const status = await queue("status");
    expect(status.stdout).toMatch(skewS > 0 ? / \+300\.\d s {2}working$/m : / -(300|299)\.\d s {2}working$/m);
    const metrics = await (await fetch(`${address}/metrics`)).text();
    const [, seconds] = /^marimba_queue_clock_skew_seconds\{model="demo"\} (\S+)$/m.exec(metrics)!;
    expect(Math.round(Number(seconds))).toBe(300);
  });
});

describe("a clock that jumps by an hour while an image runs", () => {
  it.each([HOUR_S, -HOUR_S])("(%i seconds) changes neither its deadline nor its times, over Redis", async (jumpS) => {
    const { api, worker } = deploy({ LOCK_MS: "3000" });
    const clock = clockOff(0);
    const [{ address }, working] = await Promise.all([api(clock.environment), worker(clock.environment)]);
    const startMs = performance.now();
    const url = await accepted(address, LONG);
    await jobWhere(url, hasProgress);
    clock.set(jumpS);
    await expectRightTimes(await jobWhere(url, hasEnded), performance.now() - startMs);
    const off = new RegExp(`360\\d\\.\\d s ${jumpS > 0 ? "ahead of" : "behind"}`);
    await eventually(() => expect(working.stderr).toMatch(off));
  });

  it("changes neither its deadline nor its times, nor loses its result, without Redis", async () => {
    const clock = clockOff(0);
    const serve = deploy().start("serve", { REDIS_URL: "", ...clock.environment });
    const address = await serve.address();
    await serve.prints(/^Ready/m);
    const startMs = performance.now();
    const url = await accepted(address, LONG);
    await jobWhere(url, hasProgress);
    clock.set(HOUR_S);
    await expectRightTimes(await jobWhere(url, hasEnded), performance.now() - startMs);
  });
});
