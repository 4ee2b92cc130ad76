import { Decoder } from "../../../engine/decoder.js";
import { Encoder } from "../../../engine/encoder.js";
import type { ExposedModel } from "../../../evaluation/parity/family-parity.js";
import type { Architecture, MarArchitecture } from "../../../model/manifest.js";
import {
  COEFFICIENTS,
  DiffusionSchedules,
  type ModelDiffusionSchedule,
} from "../../../model/sampler/diffusion-schedule.js";
import { type DenoiseBatch, type DenoiseResult, MarGraphs } from "../run-graphs.js";

/** The highest timestep of the published sampler. */
const MAX_TIMESTEP = 999;

/** An imported model whose graphs expose their intermediate results. */
export class ParityModel {
  readonly architecture: Architecture<MarArchitecture>;
  readonly generator: MarArchitecture;
  readonly graphs: MarGraphs;
  readonly encoder: Encoder;
  readonly decoder: Decoder;
  readonly #schedules: DiffusionSchedules;

  constructor({ runtime, ...architecture }: ExposedModel<MarArchitecture>) {
    const { generator, tokenizer } = architecture;
    this.architecture = architecture;
    this.generator = generator;
    this.graphs = new MarGraphs(runtime, generator);
    this.encoder = new Encoder(runtime, tokenizer);
    this.decoder = new Decoder(runtime, tokenizer);
    this.#schedules = new DiffusionSchedules(this.generator.head.frequency_channels);
  }

  schedule(diffusionSteps: number): ModelDiffusionSchedule {
    return this.#schedules.get(diffusionSteps, MAX_TIMESTEP);
  }

  /** Steps [from, from + steps) of a schedule. */
  denoise(
    schedule: ModelDiffusionSchedule,
    from: number,
    batch: Omit<DenoiseBatch, "frequencies" | "coefficients">,
  ): Promise<DenoiseResult> {
    const columns = (table: Float32Array, width: number) => table.slice(from * width, (from + batch.steps) * width);
    return this.graphs.denoise({
      ...batch,
      frequencies: columns(schedule.frequencies, this.generator.head.frequency_channels),
      coefficients: columns(schedule.coefficients, COEFFICIENTS.length),
    });
  }
}

/** The head's recorded condition: N conditional rows, followed by N unconditional rows or none. */
export interface Condition {
  readonly rows: number;
  readonly guidedRows: number;
  readonly z: Float32Array; // [N, D]
  readonly zUnconditional: Float32Array; // [M, D]
  readonly guidance: Float32Array; // [M]
  readonly temperature: Float32Array; // [N]
}

export function condition(
  z: Float32Array,
  rows: number,
  width: number,
  guidance: number,
  temperature: number,
): Condition {
  const guidedRows = z.length / width - rows;
  return {
    rows,
    guidedRows,
    z: z.slice(0, rows * width),
    zUnconditional: z.slice(rows * width),
    guidance: new Float32Array(guidedRows).fill(guidance),
    temperature: new Float32Array(rows).fill(temperature),
  };
}
