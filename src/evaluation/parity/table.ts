import type { Line, Report } from "./report.js";

const HEADINGS = ["recording", "stage", "compared", "worst error", "allowed", ""] as const;

/** The report as a table: one line per recording and stage, errors relative to the recorded tensor's RMS. */
export function formatReport(report: Report): string {
  const rows = report.lines().map(formatLine);
  const widths = HEADINGS.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => (row[i] as string).length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 2 || i === 3 || i === 4 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  const notes = report.lines().flatMap((l) => (l.note ? [`  ${l.recording}, ${l.stage}: ${shorten(l.note)}`] : []));
  return [line(HEADINGS), ...rows.map(line), ...notes].join("\n");
}

function formatLine(line: Line): string[] {
  const verdict = line.failed === 0 ? "ok" : `FAILED ${line.failed}, worst at ${line.worstAt}`;
  const allowed = line.allowed === 0 ? "exact" : line.allowed.toExponential(0);
  return [line.recording, line.stage, `${line.compared}`, formatError(line.worst), allowed, verdict];
}

function formatError(error: number): string {
  if (error === 0) return "0";
  return Number.isFinite(error) ? error.toExponential(1) : "infinite";
}

function shorten(text: string): string {
  return text.length > 300 ? `${text.slice(0, 297)}...` : text;
}
