import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { stringify } from "yaml";
import { eventually } from "../eventually.js";
import { freePort } from "../free-port.js";
import { startProcess } from "../topology/processes.js";

interface RuleState {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

/** A real Prometheus that scrapes one address every second, and evaluates the rules as often. */
export async function startPrometheus(target: string, rules: string) {
  const folder = await mkdtemp(join(tmpdir(), "marimba-prometheus-"));
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["rules.yml"],
    scrape_configs: [{ job_name: "marimba-api", static_configs: [{ targets: [new URL(target).host] }] }],
  };
  await writeFile(join(folder, "rules.yml"), rules);
  await writeFile(join(folder, "prometheus.yml"), stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const args = [
    `--config.file=${join(folder, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=${address}`,
  ];
  // It logs to standard error; what is waited for is its own answer.
  const started = await startProcess(
    "prometheus",
    "sh",
    ["-c", 'exec "$0" "$@" 2>&1', "prometheus", ...args],
    {},
    /ready to receive web requests/,
  );
  const api = async (path: string) => {
    const answer = (await (await fetch(`http://${address}/api/v1/${path}`)).json()) as {
      status: string;
      error?: string;
      data: unknown;
    };
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  const query = async (expr: string) =>
    ((await api(`query?query=${encodeURIComponent(expr)}`)) as { result: unknown[] }).result;
  return {
    query,
    /** Resolves after so many more successful scrapes. */
    async scrapes(count: number): Promise<void> {
      const counted = async () => (await query("count_over_time(up[10m])")) as { value: [number, string] }[];
      const at = async () => Number((await counted())[0]?.value[1] ?? 0);
      const before = await at();
      await eventually(async () => expect(await at()).toBeGreaterThanOrEqual(before + count));
    },
    async rules(): Promise<RuleState[]> {
      const { groups } = (await api("rules")) as { groups: { rules: RuleState[] }[] };
      return groups.flatMap(({ rules }) => rules);
    },
    /** The names of the alerts that fire. */
    async firing(): Promise<string[]> {
      const { alerts } = (await api("alerts")) as { alerts: { state: string; labels: { alertname: string } }[] };
      return alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
    },
    async stop(): Promise<void> {
      await started.stop();
      await rm(folder, { recursive: true });
    },
  };
}
