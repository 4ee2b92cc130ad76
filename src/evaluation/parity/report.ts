/** Largest error allowed, relative to the recorded tensor's root mean square. */
export const ALLOWED = {
  transformer: 1e-4,
  network: 1e-4,
  diffusionStep: 5e-4,
  sampledTokens: 1e-3,
  image: 2e-4,
  exact: 0,
} as const;

/** Columns of the report as a table. */
const HEADINGS = ["recording", "stage", "compared", "worst error", "allowed", ""] as const;

/** The comparisons of one kind within one recording. */
export interface Line {
  readonly recording: string;
  readonly stage: string;
  readonly allowed: number;
  compared: number;
  /** The largest relative error and where it was. */
  worst: number;
  worstAt: string;
  failed: number;
  /** What was wrong with the first that failed other than by its error. */
  note?: string;
}

export interface Numbers {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Collects comparisons; one line per recording and stage. */
export class Report {
  readonly #byKey = new Map<string, Line>();

  lines(): readonly Line[] {
    return [...this.#byKey.values()];
  }

  get failed(): boolean {
    return this.lines().some((line) => line.failed > 0);
  }

  get compared(): number {
    return this.lines().reduce((sum, line) => sum + line.compared, 0);
  }

  /** Compares numbers; another shape, and anything that is not a finite number, counts as an infinite error. */
  numbers(recording: string, stage: string, at: string, allowed: number, actual: Numbers, expected: Numbers): void {
    const sameShape = `${actual.shape}` === `${expected.shape}` && actual.data.length === expected.data.length;
    const error = sameShape ? relativeError(actual.data, expected.data) : Number.POSITIVE_INFINITY;
    const note = sameShape ? undefined : `${at}: shape [${actual.shape}], recorded [${expected.shape}]`;
    this.#add(recording, stage, at, allowed, error, note);
  }

  /** Counts something that must hold exactly. */
  holds(recording: string, stage: string, at: string, holds: boolean, note: string): void {
    const error = holds ? 0 : Number.POSITIVE_INFINITY;
    this.#add(recording, stage, at, ALLOWED.exact, error, holds ? undefined : `${at}: ${note}`);
  }

  #add(recording: string, stage: string, at: string, allowed: number, error: number, note?: string): void {
    const key = `${recording}\n${stage}`;
    let line = this.#byKey.get(key);
    if (!line) {
      line = { recording, stage, allowed, compared: 0, worst: 0, worstAt: at, failed: 0 };
      this.#byKey.set(key, line);
    }
    line.compared++;
    if (error > line.worst) {
      line.worst = error;
      line.worstAt = at;
    }
    // Not `error > allowed`: NaN must fail.
    if (!(error <= allowed)) {
      line.failed++;
      if (note) line.note ??= note;
    }
  }
}

/** Largest absolute difference over the root mean square of what was recorded. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let squares = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i] as number;
    const difference = Math.abs((actual[i] as number) - want);
    if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference);
    squares += want * want;
  }
  return worst === 0 ? 0 : worst / Math.sqrt(squares / expected.length);
}

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
