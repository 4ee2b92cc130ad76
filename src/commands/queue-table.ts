import type { ModelStatus } from "../queue/queue.js";

/** The queue's state for people: the models, then their live workers. */
export function queueTable(status: readonly ModelStatus[]): string {
  if (status.length === 0) return "The queue is empty, and no worker was ever there.\n";
  const models = status.map(({ model, waiting, running, workers, paused, draining }) => {
    const held = [paused && "paused", draining && "draining"].filter(Boolean).join(", ");
    return [model, waiting, running, workers.length, held || (workers.length === 0 ? "no live worker" : "open")];
  });
  const workers = status.flatMap(({ model, workers }) =>
    workers.map(({ id, host, pid, running, paused }) => [id, model, host, pid, running, paused ? "paused" : "working"]),
  );
  const tables = [columns(["model", "waiting", "running", "workers", "state"], models)];
  if (workers.length > 0) tables.push(columns(["worker", "model", "host", "pid", "running", "state"], workers));
  return tables.join("\n");
}

function columns(title: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = title.map((name, i) => Math.max(name.length, ...rows.map((row) => String(row[i]).length)));
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, i) => (typeof cell === "number" ? String(cell).padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  const numeric = (i: number) => typeof rows[0]?.[i] === "number";
  const heading = title.map((name, i) => (numeric(i) ? name.padStart(widths[i]!) : name));
  return [heading, ...rows].map((row) => `${line(row)}\n`).join("");
}
