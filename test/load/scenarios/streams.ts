import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { startDistributed, type Topology } from "../../topology/topology.js";
import { baseEnvironment, type Scenario } from "../scenario.js";

/** Thousands of open event streams on one API process while their jobs run: every one must get its final event. */
export const streams: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const [total, jobs] = quick ? [100, 5] : [2000, 20];
  const service = await startDistributed(1, 1, baseEnvironment(setting));
  const agent = new Agent({ keepAlive: true });
  try {
    const address = service.addresses[0]!;
    const ids: string[] = [];
    for (let i = 0; i < jobs; i++) ids.push(await submit(address, i, agent));
    const apiMiB = () => apiMemory(service);
    const beforeMiB = apiMiB();
    progress(`streams: opening ${total} ...`);
    const opened = Array.from({ length: total }, (_, i) => openStream(`${address}/jobs/${ids[i % jobs]}/events`));
    await Promise.all(opened.map(({ begun }) => begun));
    await sleep(1000);
    const openMiB = apiMiB();
    const seen = await Promise.all(opened.map(({ events }) => events));
    const final = seen.filter((events) => events.at(-1) === "completed").length;
    const events = seen.reduce((sum, names) => sum + names.length, 0);
    print("", `### Event streams: ${total} on one API process, ${jobs} jobs`, "");
    print(
      `- ${final} of ${total} streams ended with their final event; ${events} events in all.`,
      `- Memory of the API process: ${beforeMiB.toFixed(0)} MiB before, ${openMiB.toFixed(0)} MiB with all open: ${(((openMiB - beforeMiB) * 1024) / total).toFixed(1)} KiB a stream, its socket's buffers in Node included.`,
    );
  } finally {
    agent.destroy();
    await service.stop();
  }
};

function apiMemory(service: Topology): number {
  return Object.entries(service.memory()).find(([name]) => name.startsWith("api"))![1];
}

/** Long enough that the last stream is open before the first job is done. */
function submit(address: string, index: number, agent: Agent): Promise<string> {
  const body = JSON.stringify({ class: index % 12, seed: index, steps: 64 });
  return new Promise((resolve, reject) => {
    const options = { agent, method: "POST", headers: { "content-type": "application/json" } };
    const outgoing = request(`${address}/generate`, options, (incoming) => {
      let text = "";
      incoming.on("data", (chunk) => {
        text += chunk;
      });
      incoming.on("end", () => resolve((JSON.parse(text) as { id: string }).id));
    });
    outgoing.on("error", reject).end(body);
  });
}

/** Reads one stream to its end; `begun` resolves with its first event. */
function openStream(url: string) {
  const names: string[] = [];
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const events = new Promise<readonly string[]>((resolve, reject) => {
    const outgoing = request(url, { agent: false, headers: { accept: "text/event-stream" } }, (incoming) => {
      if (incoming.statusCode !== 200) reject(new Error(`A stream was answered ${incoming.statusCode}.`));
      incoming.setEncoding("utf8").on("data", (text: string) => {
        for (const [, name] of text.matchAll(/^event: (\w+)$/gm)) names.push(name!);
        begin();
      });
      incoming.on("error", reject).on("end", () => resolve(names));
    });
    outgoing.on("error", reject).end();
  });
  return { begun, events };
}
