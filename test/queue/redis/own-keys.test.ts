import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { JobFailure } from "../../../src/queue/queue.js";
import { eventually } from "../../eventually.js";
import { EXAMPLE_EDIT, exampleImageOf, exampleJob } from "../example-job.js";
import { redisDeployments } from "./redis-deployment.js";

const deployment = redisDeployments();

interface Command {
  readonly words: readonly string[];
  /** Of a command that a script calls: whether the script is ours. The only key of ours is what all our keys begin with. */
  readonly ofScript?: "ours" | "BullMQ's";
}

/** Commands that name no key. */
const WITHOUT_KEYS = ["time", "info", "ping", "hello", "select", "config", "client", "script", "multi", "exec", "auth"];

/** The keys and channels that a command names. */
function keysOf([name, ...words]: readonly string[]): readonly string[] {
  const command = name!.toLowerCase();
  if (WITHOUT_KEYS.includes(command)) return [];
  if (command === "evalsha" || command === "eval") return words.slice(2, 2 + Number(words[1]));
  return ["del", "unlink", "exists", "subscribe"].includes(command) ? words : words.slice(0, 1);
}

/** What every command of this process that did not come from BullMQ's code was. */
const issued: string[][] = [];
const { sendCommand } = Redis.prototype;
beforeAll(() => {
  Redis.prototype.sendCommand = function (this: Redis, command, ...more) {
    if (!new Error().stack!.includes("/node_modules/bullmq/")) {
      const { name, args } = command as unknown as { name: string; args: readonly unknown[] };
      issued.push([name, ...args.flat().map(String)]);
    }
    return sendCommand.call(this, command, ...more);
  };
  Error.stackTraceLimit = 50;
});
afterAll(() => {
  Redis.prototype.sendCommand = sendCommand;
});

it("no script and no command of ours names a key of BullMQ's, from a job's submission to its end", async () => {
  const { api, worker, control, client, redisPrefix } = deployment();
  const monitor = await client.monitor();
  const commands: Command[] = [];
  let script: Command["ofScript"];
  monitor.on("monitor", (_time: string, words: string[], source: string) => {
    if (source === "lua") commands.push({ words, ofScript: script! });
    else script = words[0]!.startsWith("eval") && words[3] === `${redisPrefix}::` ? "ours" : "BullMQ's";
  });

  const queue = await api(20);
  const source = await worker(2, async (task, { signal, progress, preview }) => {
    progress(1, 8);
    preview({ imageIndex: 0, step: 1, of: 8, bytes: new Uint8Array(1), contentType: "image/png" });
    if (task.spec.seed === 1) throw new JobFailure({ code: "generation_failed", detail: "broken" });
    if (task.spec.seed === 2) throw new Error("unexpected");
    if (task.spec.seed === 3) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return exampleImageOf(task);
  });
  const accept = async (seed: number, fields = {}) => {
    const spec = exampleJob({ id: queue.newId(), seed, num_images: 2, webhook_url: "https://example.com", ...fields });
    expect((await queue.submit(spec, { key: spec.id, bodyHash: "h" }, { imagesPerMinute: 100 })).kind).toBe("accepted");
    return spec.id;
  };
  const ends = async (id: string) => (await queue.wait(id, 20_000))?.state;
  queue.subscribe(await accept(0), { onChange() {}, onPreview() {} });
  const operator = await control();
  await operator.pause("demo");
  const waiting = await accept(0, { deadline_ms: 50 });
  expect(await ends(waiting)).toBe("failed");
  await operator.resume("demo");
  await operator.drain("demo");
  await operator.undrain("demo");
  for (const [seed, state] of [
    [0, "completed"],
    [1, "failed"],
    [2, "failed"],
  ] as const)
    expect(await ends(await accept(seed))).toBe(state);
  const edited = exampleJob({ id: queue.newId(), seed: 0, caller: "alice", edit: EXAMPLE_EDIT });
  expect((await queue.submit(edited, undefined, undefined, new Uint8Array(100))).kind).toBe("accepted");
  expect(await ends(edited.id)).toBe("completed");
  expect((await queue.list("alice", { limit: 1, state: "completed" })).records).toHaveLength(1);
  await queue.delete(edited.id);
  const held = await accept(3);
  await eventually(async () => expect((await queue.stats()).runningImages).toBe(2));
  const [{ workers }] = (await operator.status()) as [Awaited<ReturnType<typeof operator.status>>[0]];
  await operator.pauseWorker(workers[0]!.id);
  await operator.resumeWorker(workers[0]!.id);
  await queue.status();
  for (const { record } of await queue.webhooks.take(10, 1000)) await queue.webhooks.end(record.spec.id);
  await source.stop(0);
  expect((await queue.stats()).waitingImages).toBe(2);
  await queue.cancel(held, { code: "job_cancelled", detail: "x" });
  monitor.disconnect();

  // The second is named at the start, to try the user's rights; no queue can have its name.
  const isOurs = (key: string) => key.startsWith(`${redisPrefix}::`) || key === `${redisPrefix}:-probe`;
  const ofOurScripts = commands.filter(({ ofScript }) => ofScript === "ours").map(({ words }) => words);
  const own = issued.filter((words) => keysOf(words).some((key) => key.startsWith(redisPrefix)));
  expect(ofOurScripts.length).toBeGreaterThan(100);
  expect(own.length).toBeGreaterThan(30);
  expect(commands.filter(({ ofScript }) => ofScript !== "ours").length).toBeGreaterThan(100);
  for (const words of [...ofOurScripts, ...own])
    for (const key of keysOf(words)) expect(isOurs(key), words.join(" ").slice(0, 200)).toBe(true);
});
