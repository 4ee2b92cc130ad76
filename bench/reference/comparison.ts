import { loadavg } from "node:os";
import { basename, join } from "node:path";
import { UsageError } from "../../src/commands/command-line.js";
import type { MarArchitecture } from "../../src/families/mar/model.js";
import { type Architecture, marArchitecture } from "../../src/model/manifest.js";
import { highest, measurePeaks } from "../profile/peaks.js";
import { checkpointsHash, codeHash, importModelOf } from "./imported-models.js";
import type { ReferenceOptions, Side } from "./options.js";
import { Records, type RunKey, type RunRecord } from "./records.js";
import { isMarimba, type ModelFolders, precisionOf, presetOf, runSide } from "./sides.js";
import type { Bound } from "./summary.js";

/** Each side's subject: PyTorch's checkpoint, or the model that Marimba imported from it; and its code. */
interface Subject {
  readonly name: string;
  readonly models?: ModelFolders;
}

/** Why a run can't be made, and of which side. */
export interface Failure {
  readonly side: Side;
  readonly batch: number;
  readonly reason: string;
}

const progress = (line: string) => process.stderr.write(`${line}\n`);

/** The sides on one checkpoint, run in turn. Runs are kept in a file; only those that are missing are made. */
export class Comparison {
  private constructor(
    readonly options: ReferenceOptions,
    private readonly subjects: ReadonlyMap<Side, Subject>,
    private readonly records: Records,
    /** Known if one of the sides is Marimba's. */
    private readonly architecture: Architecture<MarArchitecture> | undefined,
  ) {}

  static async open(options: ReferenceOptions): Promise<Comparison> {
    const records = await Records.open(join(options.work, "runs.jsonl"));
    const [ours, theirs] = await Promise.all([
      codeHash("dist/engine/", "dist/families/", "dist/model/", "kernels/", "bench/reference/marimba.ts"),
      codeHash("bench/reference/official.py", "bench/reference/peers.py"),
    ]);
    const subjects = new Map<Side, Subject>();
    let architecture: Architecture<MarArchitecture> | undefined;
    for (const side of options.sides) {
      if (isMarimba(side)) {
        const { folder, manifest } = await importModelOf(precisionOf(side), options);
        architecture = marArchitecture(manifest.architecture);
        check(architecture, options);
        const isExact = presetOf(side) === undefined && manifest.precision !== "fp32";
        const float32 = isExact ? (await importModelOf("fp32", options)).folder : undefined;
        subjects.set(side, { name: `${manifest.hash.slice(0, 12)} ${ours}`, models: { folder, float32 } });
      } else {
        subjects.set(side, { name: `${basename(options.generator)} ${await checkpointsHash(options)} ${theirs}` });
      }
    }
    return new Comparison(options, subjects, records, architecture);
  }

  get missing(): number {
    return [...this.#wantedRuns()].filter(([, key]) => !this.records.find(key)).length;
  }

  /** Makes missing runs while `goOn` resolves with true. Rejects if a run fails, unless `failed` takes the failure. */
  async run(goOn: (made: number) => boolean | Promise<boolean>, failed?: (failure: Failure) => void): Promise<void> {
    let made = 0;
    for (const [side, key] of this.#wantedRuns()) {
      if (this.records.find(key)) continue;
      if (!(await goOn(made++))) return;
      try {
        await this.#make(side, key);
      } catch (error) {
        if (!failed) throw error;
        failed({ side, batch: key.batch, reason: (error as Error).message });
      }
    }
  }

  /** The runs of a batch size that were made, round by round. */
  runsOf(batch: number): Map<Side, RunRecord[]> {
    const runs = new Map<Side, RunRecord[]>();
    for (const [side, key] of this.#wantedRuns()) {
      const record = key.batch === batch ? this.records.find(key) : undefined;
      if (record) runs.set(side, [...(runs.get(side) ?? []), record]);
    }
    return runs;
  }

  /** Absent where no peaks were measured, or where the architecture is not known. */
  get bound(): Bound | undefined {
    const peaks = this.options.batches.flatMap((batch) =>
      [...this.runsOf(batch).values()].flat().flatMap((run) => run.peaks ?? []),
    );
    return this.architecture && peaks.length > 0
      ? { architecture: this.architecture, peaks: highest(peaks) }
      : undefined;
  }

  async #make(side: Side, key: RunKey): Promise<void> {
    const loadBefore = loadavg()[0]!;
    const share = key.every === 1 ? "whole" : `every ${key.every}th step`;
    progress(
      `${side}, batch ${key.batch}, ${share}, round ${key.round + 1}; load average before: ${loadBefore.toFixed(2)}`,
    );
    // A GPU's are not known.
    const peaks = key.provider === "cpu" ? measurePeaks(key.threads) : undefined;
    const result = await runSide(side, key, this.options, this.subjects.get(side)!.models);
    await this.records.add({ ...key, ...result, ...(peaks && { peaks }), loadBefore, at: new Date().toISOString() });
  }

  /** All runs, round by round, so that the sides alternate. */
  *#wantedRuns(): Generator<[Side, RunKey]> {
    const { rounds, batches } = this.options;
    for (let round = 0; round < rounds; round++)
      for (const batch of batches)
        for (const [side, { name }] of this.subjects) yield [side, this.#keyOf(side, name, batch, round)];
  }

  #keyOf(side: Side, subject: string, batch: number, round: number): RunKey {
    const { provider, steps, diffusionSteps, guidance, threads } = this.options;
    const every = presetOf(side) ? 1 : this.options.every;
    return { side, provider, subject, batch, every, steps, diffusionSteps, guidance, threads, round };
  }
}

/** Throws for what the authors' code can't sample. */
function check({ generator, tokenizer }: Architecture<MarArchitecture>, { steps }: ReferenceOptions): void {
  if (tokenizer.kind === "detok")
    throw new UsageError("--tokenizer must be a KL tokenizer, such as kl16.ckpt, not l-DeTok.");
  if (steps > generator.token_count)
    throw new UsageError(`--steps must be at most the model's ${generator.token_count} tokens, not ${steps}.`);
}
