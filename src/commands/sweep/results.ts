import { appendFile, readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import Type, { type Static } from "typebox";
import { Check } from "typebox/schema";
import { EvaluationError } from "../../evaluation/error.js";
import { Measures } from "../../evaluation/measure.js";
import { DefaultParameters } from "../../model/parameters.js";
import type { SweepPoint } from "./points.js";

/** Every line of a results file has these in common. */
const SweepSettings = Type.Object({
  model: Type.String(),
  model_hash: Type.String(),
  seed: Type.Integer(),
  images: Type.Integer(),
  feature_network_sha256: Type.String(),
});
export type SweepSettings = Readonly<Static<typeof SweepSettings>>;

const MeasuredLine = Type.Object({
  kind: Type.Literal("measured"),
  ...SweepSettings.properties,
  name: Type.String(),
  parameters: DefaultParameters,
  measures: Measures,
});

/** Processor milliseconds an image in one full batch of each point, one point after another. */
const RoundLine = Type.Object({
  kind: Type.Literal("round"),
  batch: Type.Integer(),
  ms: Type.Record(Type.String(), Type.Number({ exclusiveMinimum: 0 })),
});

const Line = Type.Union([MeasuredLine, RoundLine]);
type Line = Static<typeof Line>;

/** `results.jsonl`: one line for each measured point and each timed round. A damaged line is ignored. */
export class SweepResults {
  private constructor(
    private readonly path: string,
    private readonly settings: SweepSettings,
    private readonly lines: Line[],
  ) {}

  /** Throws `EvaluationError` if the file holds results of another model, seed, count or network. */
  static async open(path: string, settings: SweepSettings): Promise<SweepResults> {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    // A truncated line has no newline: the next line must not be appended to it.
    if (text !== "" && !text.endsWith("\n")) await appendFile(path, "\n");
    const lines = text.split("\n").flatMap(parseLine);
    for (const line of lines)
      if (line.kind === "measured")
        for (const [key, value] of Object.entries(settings))
          if (line[key as keyof SweepSettings] !== value)
            throw new EvaluationError(
              `${path} holds results of another sweep: ${key} is ${line[key as keyof SweepSettings]} there and ${value} now; name another folder.`,
            );
    return new SweepResults(path, settings, lines);
  }

  measuresOf({ parameters }: SweepPoint): Measures | undefined {
    for (const line of this.lines)
      if (line.kind === "measured" && isDeepStrictEqual(line.parameters, parameters)) return line.measures;
    return undefined;
  }

  /** Rounds that timed all of the points. */
  roundsOf(points: readonly SweepPoint[]): Readonly<Record<string, number>>[] {
    return this.lines.flatMap((line) =>
      line.kind === "round" && points.every(({ name }) => line.ms[name] !== undefined) ? [line.ms] : [],
    );
  }

  async addMeasures({ name, parameters }: SweepPoint, measures: Measures): Promise<void> {
    await this.add({ kind: "measured", ...this.settings, name, parameters, measures });
  }

  async addRound(batch: number, ms: Readonly<Record<string, number>>): Promise<void> {
    await this.add({ kind: "round", batch, ms });
  }

  private async add(line: Line): Promise<void> {
    await appendFile(this.path, `${JSON.stringify(line)}\n`);
    this.lines.push(line);
  }
}

function parseLine(text: string): Line[] {
  try {
    const line: unknown = JSON.parse(text);
    return Check(Line, line) ? [line] : [];
  } catch {
    return [];
  }
}
