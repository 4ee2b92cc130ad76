import type { Runtime } from "../../engine/runtime/runtime.js";
import type { Architecture, GeneratorArchitecture } from "../../model/manifest.js";
import type { Recording } from "./recording.js";
import type { Report } from "./report.js";

/** How the recordings of one family are recognised, and compared with a model of it; `families.ts` lists the families. */
export interface FamilyParity<Model extends GeneratorArchitecture = GeneratorArchitecture> {
  /** Tensors of which every recording of its network's stages has one. */
  readonly stagesMarkers: readonly string[];
  /** Metadata that every recording of a sampling run has. */
  readonly runMarker: string;
  compareStages(model: ExposedModel<Model>, recording: Recording, report: Report): Promise<void>;
  compareRun(model: ExposedModel<Model>, recording: Recording, report: Report): Promise<void>;
  /** Absent: its models have no encoder. */
  compareEncode?(model: ExposedModel<Model>, recording: Recording, report: Report): Promise<void>;
  /** Of a `schedules.json`, which has the key; absent: the family has none. */
  readonly schedules?: { readonly key: string; compare(recorded: unknown, report: Report): void };
}

/** An imported model whose graphs expose their intermediate results. */
export interface ExposedModel<Model extends GeneratorArchitecture = GeneratorArchitecture> extends Architecture<Model> {
  readonly runtime: Runtime;
}
