// npm run bench:threads: the default of THREADS compared with numbers set by hand, in turn, within the limits that the command
// itself runs in, such as `taskset -c 0 npm run bench:threads -- --threads 1,2`. CPU time is also measured, because it depends
// less on what else runs on the machine: a process that uses all its cores makes images at that rate.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments } from "../src/commands/command-line.js";
import { usableCores } from "../src/engine/runtime/allowance.js";
import { markdownTable } from "../src/markdown-table.js";
import { runCommand, whole } from "./command.js";
import { HttpClient } from "./http-client.js";
import { startServer } from "./layers/server-process.js";
import { busyWarning, describeMachine } from "./machine.js";
import { openModelFolder } from "./model-folder.js";
import { median, pairedRatio } from "./statistics.js";
import { closedLoop, requestBody } from "./workload.js";

const DEFAULT = "default";

function readOptions() {
  const { values } = readArguments({
    args: process.argv.slice(2),
    options: {
      threads: { type: "string", default: "1,2" },
      rounds: { type: "string", default: "9" },
      images: { type: "string", default: "8" },
      "model-folder": { type: "string", default: join(fileURLToPath(new URL("../models/", import.meta.url)), "demo") },
    },
  });
  const threads = values.threads.split(",").map((count) => String(whole("threads", count)));
  const [rounds, total] = [whole("rounds", values.rounds), whole("images", values.images)];
  return { modelFolder: values["model-folder"], threads: [DEFAULT, ...threads], rounds, total };
}

/** CPU time that a server has used so far. */
async function cpuTimeMs(http: HttpClient): Promise<number> {
  const metrics = (await http.get("/metrics")).body.toString();
  return 1000 * Number(/^process_cpu_seconds_total (\S+)$/m.exec(metrics)![1]);
}

await runCommand(async () => {
  const { modelFolder, threads: settings, rounds, total } = readOptions();
  const model = await openModelFolder(modelFolder);
  const sides = await Promise.all(
    settings.map(async (threads) => {
      const server = await startServer({ ...model.environment, THREADS: threads === DEFAULT ? "" : threads });
      return { threads, server, http: new HttpClient(server.address), ms: [] as number[], cpuMs: [] as number[] };
    }),
  );
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < sides.length; i++) {
      const { http, ms, cpuMs } = sides[(round + 1 + i) % sides.length]!;
      const before = await cpuTimeMs(http);
      const took = await closedLoop(total, total, (index) => http.image(requestBody(index, model.manifest)));
      if (round < 0) continue; // it warms up
      ms.push(took);
      cpuMs.push((await cpuTimeMs(http)) - before);
    }
  }
  const [own] = sides;
  const perSecond = (ms: readonly number[]) => (total / (median(ms) / 1000)).toFixed(2);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const head = ["THREADS", "Images/s", "Images/CPU s", "Default : this", "Default : this, by CPU time"];
  const rows = sides.map(({ threads, ms, cpuMs }) => [
    threads === DEFAULT ? `default (${usableCores()})` : threads,
    perSecond(ms),
    perSecond(cpuMs),
    percent(pairedRatio(ms, own!.ms)),
    percent(pairedRatio(cpuMs, own!.cpuMs)),
  ]);
  const warning = busyWarning();
  for (const line of [...describeMachine(), ...(warning ? [warning] : [])]) process.stdout.write(`- ${line}\n`);
  process.stdout.write(`\n${markdownTable(head, rows)}\n`);
  for (const { http, server } of sides) {
    http.close();
    await server.stop();
  }
});
