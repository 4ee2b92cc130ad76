import { Encoder } from "../../../engine/encoder.js";
import type { ExposedModel } from "../../../evaluation/parity/family-parity.js";
import type { AnyMarArchitecture, Architecture } from "../../../model/manifest.js";
import { HeadParity } from "../../heads/parity.js";
import { type PredictBatch, type PredictResult, predict } from "../predict.js";

/** An imported model whose graphs expose their intermediate results. */
export class ParityModel {
  readonly architecture: Architecture<AnyMarArchitecture>;
  readonly generator: AnyMarArchitecture;
  readonly encoder: Encoder;

  constructor(readonly exposed: ExposedModel<AnyMarArchitecture>) {
    const { runtime, ...architecture } = exposed;
    const { generator, tokenizer } = architecture;
    this.architecture = architecture;
    this.generator = generator;
    this.encoder = new Encoder(runtime, tokenizer);
  }

  /** Throws where the model makes codes. */
  get head(): HeadParity {
    const { runtime, generator } = this.exposed;
    if (generator.head_kind !== "diffusion") throw new Error("the model has no diffusion head");
    return new HeadParity(runtime, generator);
  }

  predict(batch: PredictBatch): Promise<PredictResult> {
    return predict(this.exposed.runtime, this.generator, batch);
  }
}
