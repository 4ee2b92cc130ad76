import Type, { type Static } from "typebox";
import { CausalArchitecture, OrderedCategorical, OrderedDiffusion } from "../families/causal/model.js";
import { DitArchitecture } from "../families/dit/model.js";
import { CategoricalMarArchitecture, MarArchitecture } from "../families/mar/model.js";
import { SitArchitecture } from "../families/sit/model.js";
import type { FamilyName, HeadKind } from "./family-traits.js";
import { DefaultParameters, PresetParameters } from "./parameters.js";
import { ConsistencyDecoder, hasEncoder, TokenizerArchitecture } from "./tokenizer-architecture.js";

/** File names inside a model's folder: fixed, so that no manifest can point elsewhere. */
export const MODEL_FILES = {
  manifest: "model.json",
  predict: "predict.onnx",
  denoise: "denoise.onnx",
  decode: "decode.onnx",
  encode: "encode.onnx",
  consistency: "consistency.onnx",
  /** Weights as an import stores them. */
  weights: "weights.bin",
  /** Copies of whole checkpoints, which the graphs point into. */
  generator: "generator.safetensors",
  tokenizer: "tokenizer.safetensors",
  decoder: "decoder.safetensors",
} as const;

export type GraphName = "predict" | "denoise" | "decode" | "encode" | "consistency";

/** A model's graphs, in the order in which its hash takes their files. */
export function graphsOf({ generator, tokenizer, decoder }: Architecture): readonly GraphName[] {
  return [
    "predict",
    ...("head" in generator ? ["denoise" as const] : []),
    "decode",
    ...(hasEncoder(tokenizer) ? ["encode" as const] : []),
    ...(decoder ? ["consistency" as const] : []),
  ];
}

export const GeneratorArchitecture = Type.Union([
  MarArchitecture,
  CategoricalMarArchitecture,
  DitArchitecture,
  SitArchitecture,
  CausalArchitecture,
  OrderedDiffusion,
  OrderedCategorical,
]);
export type GeneratorArchitecture = Static<typeof GeneratorArchitecture>;
export type { CategoricalMarArchitecture, CausalArchitecture, DitArchitecture, MarArchitecture, SitArchitecture };

/** A generator with the network of a diffusion transformer. */
export type DiffusionTransformer = Extract<
  GeneratorArchitecture,
  Pick<DitArchitecture, "transformer" | "frequency_channels">
>;

export type AnyMarArchitecture = MarArchitecture | CategoricalMarArchitecture;
/** A causal generator of MAR's paper. */
export type OrderedArchitecture = Static<typeof OrderedDiffusion> | Static<typeof OrderedCategorical>;
export type AnyCausalArchitecture = CausalArchitecture | OrderedArchitecture;
/** A generator with one of the two heads. */
export type HeadArchitecture = AnyMarArchitecture | AnyCausalArchitecture;
/** What the graphs of a diffusion head need to know. */
export type WithDiffusionHead = Pick<MarArchitecture, "token_channels" | "decoder" | "head">;

/** What of a model limits the parameters that its images are sampled with. */
export interface ParameterLimits {
  readonly generator: Pick<GeneratorArchitecture, "token_count" | "class_count"> & {
    readonly family?: DiffusionTransformer["family"] | AnyCausalArchitecture["family"];
    readonly head_kind?: HeadKind;
    readonly order?: OrderedArchitecture["order"];
  };
  readonly decoder?: ConsistencyDecoder;
}

/** The family that generates with a model. MAR's manifests are older than the field. */
export function familyName(generator: ParameterLimits["generator"]): FamilyName {
  return generator.family ?? "mar";
}

/** Whether its latents are the numbers of codes, rather than what codes stand for. */
export function makesCodes(
  generator: GeneratorArchitecture,
): generator is Extract<GeneratorArchitecture, { codes: number }> {
  return "codes" in generator;
}

export const Architecture = Type.Object(
  {
    generator: GeneratorArchitecture,
    tokenizer: TokenizerArchitecture,
    /** Makes finished images, unless a request asks for the tokenizer's own decoder, which also makes the previews. */
    decoder: Type.Optional(ConsistencyDecoder),
  },
  { additionalProperties: false },
);
export interface Architecture<Generator extends GeneratorArchitecture = GeneratorArchitecture> {
  readonly generator: Generator;
  readonly tokenizer: TokenizerArchitecture;
  readonly decoder?: ConsistencyDecoder;
}

/** The architecture, if the model is MAR's, with its diffusion head. Throws a sentence for another. */
export function marArchitecture({ generator, ...decoding }: Architecture): Architecture<MarArchitecture> {
  if ("family" in generator) throw new Error(`The model is of the family ${generator.family}; this takes MAR models.`);
  if ("codes" in generator) throw new Error("The model makes codes; this takes MAR models with a diffusion head.");
  return { generator, ...decoding };
}

export const ModelClass = Type.Object(
  {
    index: Type.Integer({ minimum: 0 }),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    id: Type.Optional(Type.String({ maxLength: 40, description: "Synset id, where the data set has one." })),
  },
  { additionalProperties: false },
);
export type ModelClass = Static<typeof ModelClass>;

/** What `marimba evaluate` or `marimba sweep` measured of a preset. Distances compare presets of one model, never models. */
export const MeasuredQuality = Type.Object(
  {
    frechet_distance: Type.Number({ description: "From the model's reference; lower is better." }),
    frechet_interval: Type.Optional(
      Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description: "95 % interval of the distance." }),
    ),
    inception_score: Type.Optional(Type.Number({ description: "Higher is better." })),
    precision: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: "Share that looks real." })),
    recall: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: "Share of the real that is covered." })),
    images: Type.Integer({ minimum: 1, description: "How many were measured." }),
    speed: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, description: "How much less processor time than `exact`, in full batches." }),
    ),
  },
  { additionalProperties: false, description: "What was measured of the preset's images." },
);

/** A preset is a partial set of sampling parameters with a sentence on what it gives. */
export const Preset = Type.Object(
  {
    description: Type.String({ maxLength: 400 }),
    parameters: PresetParameters,
    quality: Type.Optional(MeasuredQuality),
  },
  { additionalProperties: false },
);

const SourceFile = Type.Object(
  {
    file: Type.String(),
    bytes: Type.Integer({ minimum: 0 }),
    /** Of the whole file; known where it was copied, or was asked for. */
    sha256: Type.Optional(Type.String({ pattern: "^[0-9a-f]{64}$" })),
  },
  { additionalProperties: false },
);

/** How a model's large weights are stored and multiplied; its graphs' inputs and outputs are float32 whatever this is. */
export const Precision = Type.Union([Type.Literal("fp32"), Type.Literal("fp16"), Type.Literal("int8")]);
export type Precision = Static<typeof Precision>;
export const PRECISIONS: readonly Precision[] = Precision.anyOf.map((literal) => literal.const);

const WeightFile = Type.Union([
  Type.Literal(MODEL_FILES.weights),
  Type.Literal(MODEL_FILES.generator),
  Type.Literal(MODEL_FILES.tokenizer),
  Type.Literal(MODEL_FILES.decoder),
]);
export type WeightFile = Static<typeof WeightFile>;

/** `model.json`: everything but the weights. The API reads this and nothing else of a model. */
export const Manifest = Type.Object(
  {
    format: Type.Literal(1),
    name: Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,63}$" }),
    description: Type.Optional(Type.String({ maxLength: 400 })),
    architecture: Architecture,
    classes: Type.Array(ModelClass, { minItems: 1, maxItems: 1_048_576 }),
    precision: Precision,
    weight_files: Type.Array(WeightFile, {
      minItems: 1,
      uniqueItems: true,
      description: "The files that hold weights, in the order in which the hash takes them.",
    }),
    /** SHA-256 over those of the graphs and weights (model-files.ts): two models with one hash make the same images. */
    hash: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    source: Type.Object(
      { generator: SourceFile, tokenizer: SourceFile, decoder: Type.Optional(SourceFile) },
      { additionalProperties: false },
    ),
    /** A request's and a preset's fields override these. */
    defaults: DefaultParameters,
    presets: Type.Record(Type.String({ pattern: "^[a-z0-9][a-z0-9_-]{0,31}$" }), Preset),
    default_preset: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
export type Manifest = Static<typeof Manifest>;
