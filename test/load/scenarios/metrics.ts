import { setTimeout as sleep } from "node:timers/promises";
import { markdownTable } from "../../../src/markdown-table.js";
import { sum } from "../../telemetry/exposition.js";
import { startDistributed, type Topology } from "../../topology/topology.js";
import { baseEnvironment, type Scenario } from "../scenario.js";
import { sumOf, Tally } from "../tally.js";

/** One number, as the clients counted it and as the service tells it. */
interface Row {
  readonly what: string;
  readonly counted: number;
  readonly told: number;
}

const CLIENTS = 16;
const QUICK = { steps: 2, diffusion_steps: 4, max_timestep: 950 };
/** What is under way when the last answer comes, and how long that may take to be told. */
const SETTLING_MS = 10_000;

/**
 * Many clients at two APIs and two workers, doing what clients do: images, jobs of several images, mistakes, a queue that
 * is too full. What they counted must be what the service tells Prometheus, to the last one. Then jobs that don't end
 * well: of these it is the jobs that are compared, for nobody but the workers knows how many images were made.
 */
export const metrics: Scenario = async (setting) => {
  const { quick, print, progress } = setting;
  const environment = { MAX_QUEUED_IMAGES: "24", WORKER_PORT: "0", MAX_IMAGES_PER_JOB: "4" };
  const service = await startDistributed(2, 2, baseEnvironment(setting, environment));
  try {
    const tallies = Array.from({ length: CLIENTS }, (_, i) => new Tally(service.addresses[i % 2]!));
    const [rounds, earlyRounds] = quick ? [5, 3] : [100, 100];
    progress(`metrics: ${CLIENTS} clients, ${rounds} rounds of whole jobs ...`);
    await Promise.all(tallies.map((tally, client) => behaveWell(tally, client, rounds)));
    const well = await settled(() => compareImages(service, tallies));
    progress(`metrics: ${CLIENTS} clients, ${earlyRounds} rounds of jobs that end early ...`);
    await Promise.all(tallies.map((tally, client) => giveUp(tally, client, earlyRounds)));
    const all = await settled(() => compareRequestsAndJobs(service, tallies));
    const rows = [...well, ...all];
    print("", `### Metrics: ${CLIENTS} clients, 2 APIs, 2 workers`, "");
    const cells = rows.map(({ what, counted, told }) => [
      what,
      String(counted),
      String(told),
      counted === told ? "yes" : "NO",
    ]);
    print(markdownTable(["", "Clients counted", "Service tells", "Equal"], cells), "");
    const wrong = rows.filter(({ counted, told }) => counted !== told);
    print(`- ${rows.length - wrong.length} of ${rows.length} numbers agree exactly.`);
    if (wrong.length > 0) throw new Error(`The metrics are wrong: ${wrong.map(({ what }) => what).join(", ")}.`);
  } finally {
    await service.stop();
  }
};

/** Images, jobs and mistakes; every job that is accepted is completed. */
async function behaveWell(tally: Tally, client: number, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const seed = client * 10_000 + round;
    const body = { class: seed % 12, seed, ...QUICK };
    if (round % 5 < 2) await tally.image({ ...body, steps: 2 + (round % 3) });
    else if (round % 5 === 2) {
      const images = 1 + (seed % 4);
      const job = await tally.job({ ...body, num_images: images });
      if (job && (await tally.follow(job, images, body.steps)) === "completed")
        await tally.ask("GET", `/jobs/${job.id}/images/0`, undefined, "image/png");
    } else if (round % 5 === 3) await tally.ask("POST", "/generate", { ...body, class: round % 2 ? "nonsense" : -1 });
    else await tally.ask("GET", round % 2 ? `/nowhere/${seed}` : `/jobs/nobody-knows-${seed}`);
  }
}

/** Jobs that are cancelled, and jobs whose deadline passes. */
async function giveUp(tally: Tally, client: number, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const body = { class: client % 12, seed: client * 10_000 + round, ...QUICK, steps: 32, num_images: 2 };
    const isHurried = round % 3 === 0;
    const job = await tally.job(isHurried ? { ...body, deadline_ms: 1 + (round % 50) } : body);
    if (!job) {
      await sleep(20);
      continue;
    }
    if (!isHurried) {
      await sleep(round % 30);
      await tally.ask("DELETE", `/jobs/${job.id}`);
    }
    await tally.follow(job, body.num_images, body.steps);
  }
}

/** While every job completes, images, their steps and bytes are known to the clients as well. */
async function compareImages(service: Topology, tallies: readonly Tally[]): Promise<Row[]> {
  const { apis, workers } = await scrape(service);
  const images = total(tallies, ({ images }) => images);
  const told = (name: string) => workers.reduce((all, text) => all + sum(text, name), 0);
  return [
    { what: "images made, by all workers", counted: images, told: told("marimba_images_made_total") },
    ...apis.map((text, i) => ({
      what: `images stored, as API ${i + 1} tells`,
      counted: images,
      told: sum(text, "marimba_images_stored_total"),
    })),
    { what: "images timed", counted: images, told: told("marimba_image_duration_seconds_count") },
    {
      what: "steps of images",
      counted: total(tallies, ({ steps }) => steps),
      told: told("marimba_step_batch_size_sum"),
    },
    {
      what: "bytes of images served",
      counted: total(tallies, ({ servedBytes }) => servedBytes),
      told: apis.reduce((all, text) => all + sum(text, "marimba_results_served_bytes_total"), 0),
    },
  ];
}

async function compareRequestsAndJobs(service: Topology, tallies: readonly Tally[]): Promise<Row[]> {
  const { apis } = await scrape(service);
  // The scrapes are requests as well, but not the clients'.
  const requests = (labels: Record<string, string>) =>
    apis.reduce(
      (all, text) =>
        all +
        sum(text, "marimba_http_requests_total", labels) -
        sum(text, "marimba_http_requests_total", { ...labels, route: "/metrics" }),
      0,
    );
  const problems = (code: string) =>
    apis.reduce((all, text) => all + sum(text, "marimba_http_problems_total", { code }), 0);
  const statuses = sumOf(tallies, (tally) => tally.statuses);
  const codes = sumOf(tallies, (tally) => tally.problems);
  const ended = sumOf(tallies, (tally) => tally.ended);
  const all = (counts: ReadonlyMap<string, number>) => [...counts.values()].reduce((a, b) => a + b, 0);
  const jobs = apis.flatMap((text, i) => [
    {
      what: `jobs accepted, as API ${i + 1} tells`,
      counted: total(tallies, ({ accepted }) => accepted),
      told: sum(text, "marimba_jobs_accepted_total"),
    },
    ...["completed", "failed", "cancelled"].map((state) => ({
      what: `jobs ${state}, as API ${i + 1} tells`,
      counted: ended.get(state) ?? 0,
      told: sum(text, "marimba_jobs_ended_total", { state }),
    })),
  ]);
  return [
    { what: "requests", counted: all(statuses), told: requests({}) },
    ...byName(
      statuses,
      (status) => `requests answered ${status}`,
      (status) => requests({ status }),
    ),
    ...byName(codes, (code) => `refused or failed: ${code}`, problems),
    ...jobs,
  ];
}

function byName(
  counts: ReadonlyMap<string, number>,
  what: (name: string) => string,
  told: (name: string) => number,
): Row[] {
  return [...counts].sort().map(([name, counted]) => ({ what: what(name), counted, told: told(name) }));
}

const total = (tallies: readonly Tally[], read: (tally: Tally) => number) =>
  tallies.reduce((all, tally) => all + read(tally), 0);

async function scrape({ addresses, processes }: Topology): Promise<{ apis: string[]; workers: string[] }> {
  const monitors = processes.flatMap(
    ({ printed }) => /health and metrics are on (http:\S+)\.$/m.exec(printed)?.[1] ?? [],
  );
  const read = async (address: string) => (await fetch(`${address}/metrics`)).text();
  return { apis: await Promise.all(addresses.map(read)), workers: await Promise.all(monitors.map(read)) };
}

/** A worker's count may follow a moment after the client has its image. Too many is never mended by waiting. */
async function settled(compare: () => Promise<Row[]>): Promise<Row[]> {
  for (const startMs = performance.now(); ; ) {
    const rows = await compare();
    const isDone = rows.every(({ counted, told }) => counted === told);
    if (isDone || rows.some(({ counted, told }) => told > counted) || performance.now() - startMs > SETTLING_MS)
      return rows;
    await sleep(100);
  }
}
