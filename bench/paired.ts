// npm run bench:paired: models, and numbers of threads, compared in turn. Every model of `--model-folder` runs with every number of
// `--threads`, each in a server of its own; the first is what the others are compared with. The limits of the command hold for the
// servers, too, as in `taskset -c 0 npm run bench:paired -- --threads default,1,2`. CPU time is also measured, because it depends less
// on what else runs on the machine: a process that uses all its cores makes images at that rate.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments } from "../src/commands/command-line.js";
import { usableCores } from "../src/engine/runtime/allowance.js";
import { markdownTable } from "../src/markdown-table.js";
import { runCommand, whole } from "./command.js";
import { HttpClient } from "./http-client.js";
import { startServer } from "./layers/server-process.js";
import { busyWarning, describeMachine } from "./machine.js";
import { type MeasuredModel, openModelFolder } from "./model-folder.js";
import { median, pairedRatio } from "./statistics.js";
import { closedLoop, requestBody } from "./workload.js";

const DEFAULT = "default";

const USAGE = `npm run bench:paired: models, and numbers of threads, compared in turn

  npm run bench:paired -- [options]

  --model-folder A,B  folders of models (default: models/demo)
  --threads LIST      values of THREADS; default is none (default: default)
  --images N          images requested together (default: 1)
  --rounds N          (default: 21)
  --help              print this
`;

function readOptions() {
  const { values } = readArguments({
    args: process.argv.slice(2),
    options: {
      threads: { type: "string", default: DEFAULT },
      rounds: { type: "string", default: "21" },
      images: { type: "string", default: "1" },
      "model-folder": { type: "string", default: join(fileURLToPath(new URL("../models/", import.meta.url)), "demo") },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return undefined;
  }
  const threads = values.threads.split(",").map((one) => (one === DEFAULT ? "" : String(whole("threads", one))));
  const [rounds, images] = [whole("rounds", values.rounds), whole("images", values.images)];
  return { folders: values["model-folder"].split(","), threads, rounds, images };
}

interface Side {
  readonly folder: string;
  readonly threads: string;
  readonly model: MeasuredModel;
  readonly server: Awaited<ReturnType<typeof startServer>>;
  readonly http: HttpClient;
  /** Of each round, milliseconds an image. */
  readonly ms: number[];
  readonly cpuMs: number[];
}

/** CPU time that a server has used so far. */
async function cpuTimeMs(http: HttpClient): Promise<number> {
  const metrics = (await http.get("/metrics")).body.toString();
  return 1000 * Number(/^process_cpu_seconds_total (\S+)$/m.exec(metrics)![1]);
}

await runCommand(async () => {
  const options = readOptions();
  if (!options) return;
  const { folders, threads, rounds, images } = options;
  const warning = busyWarning();
  for (const line of [...describeMachine(), ...(warning ? [warning] : [])]) process.stdout.write(`- ${line}\n`);
  const sides: Side[] = [];
  try {
    for (const folder of folders) {
      const model = await openModelFolder(folder);
      for (const count of threads) {
        const server = await startServer({ ...model.environment, THREADS: count });
        sides.push({ folder, threads: count, model, server, http: new HttpClient(server.address), ms: [], cpuMs: [] });
      }
    }
    for (let round = -1; round < rounds; round++)
      for (let i = 0; i < sides.length; i++) await measure(sides[(round + 1 + i) % sides.length]!, images, round >= 0);
    process.stdout.write(`\n${comparison(sides, images)}\n`);
  } finally {
    for (const { http, server } of sides) {
      http.close();
      await server.stop();
    }
  }
});

/** Requests images together, and keeps their times unless they only warm the server up. */
async function measure({ http, model, ms, cpuMs }: Side, images: number, kept: boolean): Promise<void> {
  const before = await cpuTimeMs(http);
  const took = await closedLoop(images, images, (index) => http.image(requestBody(index, model.manifest)));
  if (!kept) return;
  ms.push(took / images);
  cpuMs.push(((await cpuTimeMs(http)) - before) / images);
}

function comparison(sides: readonly Side[], images: number): string {
  const [first] = sides;
  const head = ["Model", "THREADS", "ms an image", "CPU ms an image", "This : first", "This : first, by CPU time"];
  const rows = sides.map(({ folder, threads, ms, cpuMs }) => [
    folder,
    threads || `${DEFAULT} (${usableCores()})`,
    median(ms).toFixed(0),
    median(cpuMs).toFixed(0),
    pairedRatio(ms, first!.ms).toFixed(2),
    pairedRatio(cpuMs, first!.cpuMs).toFixed(2),
  ]);
  return `Medians; ${images} at once\n\n${markdownTable(head, rows)}`;
}
