import Type from "typebox";
import { checkStatement, count, optionalCount } from "../../../importer/architecture/statements.js";
import { ImportError } from "../../../importer/error.js";
import { readJsonFile } from "../../../importer/json-file.js";
import type { StatedTokenizer } from "../../../importer/tokenizers/tokenizer-reading.js";
import type { Architecture as AnyArchitecture, AnyMarArchitecture } from "../../../model/manifest.js";
import type { TokenizerKind } from "../../../model/tokenizer-architecture.js";

type Architecture = AnyArchitecture<AnyMarArchitecture>;

/** Numbers that no tensor states, and claims beside them that are checked against the tensors. */
export interface StatedArchitecture extends StatedTokenizer {
  /** `mar-b`, or the config's path. */
  readonly label: string;
  readonly publishedSize?: PublishedSize;
  readonly encoderHeads: number;
  readonly decoderHeads: number;
  readonly normEps: number;
  readonly claims: readonly Claim[];
}

/** A stated number and where the architecture has it. */
interface Claim {
  readonly field: string;
  readonly stated: number | string;
  readonly found: (architecture: Architecture) => number | string | undefined;
}

interface MarSize {
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Where it is part of what was published: guidance goes with it. */
  readonly tokenizer?: TokenizerKind;
}

/** The published sizes (models/mar.py of MAR and DeTok); all go with a published tokenizer. */
export const PUBLISHED_SIZES = {
  "mar-b": { width: 768, depth: 12, heads: 12 },
  "mar-l": { width: 1024, depth: 16, heads: 16 },
  "mar-h": { width: 1280, depth: 20, heads: 16 },
  "detok-mar-b": { width: 768, depth: 12, heads: 12, tokenizer: "detok" },
  "detok-mar-l": { width: 1024, depth: 16, heads: 16, tokenizer: "detok" },
} as const satisfies Record<string, MarSize>;
export type PublishedSize = keyof typeof PUBLISHED_SIZES;
const DEFAULT_NORM_EPS = 1e-6;

/** The constructor arguments of both networks; those that only training needs are ignored. */
const ArchitectureConfig = Type.Object({
  mar: Type.Object({
    encoder_num_heads: count(),
    decoder_num_heads: count(),
    norm_eps: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    img_size: optionalCount(),
    vae_stride: optionalCount(),
    patch_size: optionalCount(),
    encoder_embed_dim: optionalCount(),
    encoder_depth: optionalCount(),
    decoder_embed_dim: optionalCount(),
    decoder_depth: optionalCount(),
    mlp_ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1024 })),
    vae_embed_dim: optionalCount(),
    class_num: optionalCount(),
    buffer_size: optionalCount(),
    diffloss_d: optionalCount(),
    diffloss_w: optionalCount(),
    codes: optionalCount(),
  }),
  vae: Type.Optional(
    Type.Object({
      scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
      ch: optionalCount(),
      ch_mult: Type.Optional(Type.Array(count(), { minItems: 1 })),
      num_res_blocks: optionalCount(),
      embed_dim: optionalCount(),
    }),
  ),
  detok: Type.Optional(Type.Object({ encoder_num_heads: optionalCount(), decoder_num_heads: optionalCount() })),
});
type ArchitectureConfig = Type.Static<typeof ArchitectureConfig>;

/** `--arch`: a published size or a config.json; without it the published size whose width both stacks have. */
export async function readStated(arch: string | undefined, widths: readonly number[]): Promise<StatedArchitecture> {
  if (arch === undefined) return publishedArchitecture(inferSize(widths));
  if (Object.hasOwn(PUBLISHED_SIZES, arch)) return publishedArchitecture(arch as PublishedSize);
  if (!arch.endsWith(".json")) throw new ImportError(`--arch ${arch} is not a MAR model, but the checkpoint is.`);
  return configArchitecture(arch, await readJsonFile(arch, ArchitectureConfig));
}

/** Throws at the first statement that the tensors contradict, naming both values. */
export function checkClaims(stated: StatedArchitecture, architecture: Architecture): void {
  for (const claim of stated.claims) {
    checkStatement(stated.label, claim.field, claim.stated, claim.found(architecture));
  }
}

/** The published size of a generator's width: DeTok's where there is one and the model has its tokenizer. */
export function publishedSizeOf(width: number, tokenizer?: TokenizerKind): PublishedSize | undefined {
  const sizes: [string, MarSize][] = Object.entries(PUBLISHED_SIZES);
  const ofWidth = sizes.filter(([, size]) => size.width === width);
  const found = ofWidth.find(([, size]) => size.tokenizer && size.tokenizer === tokenizer) ?? ofWidth[0];
  return found?.[0] as PublishedSize | undefined;
}

function inferSize(widths: readonly number[]): PublishedSize {
  const name = publishedSizeOf(widths[0]!);
  if (name === undefined || widths.some((width) => width !== PUBLISHED_SIZES[name].width)) {
    throw new ImportError(
      `A generator of width ${widths.join(" and ")} is not one of the published ones, and no tensor states its number of heads or the latent scale: state them with --arch config.json.`,
    );
  }
  return name;
}

function publishedArchitecture(name: PublishedSize): StatedArchitecture {
  const { width, depth, heads, tokenizer }: MarSize = PUBLISHED_SIZES[name];
  const claims: Claim[] = [
    { field: "the encoder's width", stated: width, found: (a) => a.generator.encoder.width },
    { field: "the decoder's width", stated: width, found: (a) => a.generator.decoder.width },
    { field: "the encoder's depth", stated: depth, found: (a) => a.generator.encoder.depth },
    { field: "the decoder's depth", stated: depth, found: (a) => a.generator.decoder.depth },
    ...(tokenizer ? [{ field: "the tokenizer", stated: tokenizer, found: (a: Architecture) => a.tokenizer.kind }] : []),
  ];
  return {
    label: name,
    publishedSize: name,
    encoderHeads: heads,
    decoderHeads: heads,
    normEps: DEFAULT_NORM_EPS,
    claims,
  };
}

function configArchitecture(label: string, { mar, vae = {}, detok }: ArchitectureConfig): StatedArchitecture {
  return {
    label,
    encoderHeads: mar.encoder_num_heads,
    decoderHeads: mar.decoder_num_heads,
    normEps: mar.norm_eps ?? DEFAULT_NORM_EPS,
    scale: vae.scale,
    detok,
    claims: [
      ...generatorClaims(mar),
      ...tokenizerClaims(vae),
      ...(detok ? [{ field: "the tokenizer", stated: "detok", found: (a: Architecture) => a.tokenizer.kind }] : []),
    ],
  };
}

function generatorClaims(mar: ArchitectureConfig["mar"]): Claim[] {
  const found: Partial<Record<keyof ArchitectureConfig["mar"], Claim["found"]>> = {
    patch_size: (a) => a.generator.patch_size,
    encoder_embed_dim: (a) => a.generator.encoder.width,
    encoder_depth: (a) => a.generator.encoder.depth,
    decoder_embed_dim: (a) => a.generator.decoder.width,
    decoder_depth: (a) => a.generator.decoder.depth,
    vae_embed_dim: (a) => a.tokenizer.latent_channels,
    class_num: (a) => a.generator.class_count,
    buffer_size: (a) => a.generator.buffer_size,
    diffloss_d: ({ generator }) => ("head" in generator ? generator.head.depth : undefined),
    diffloss_w: ({ generator }) => ("head" in generator ? generator.head.width : undefined),
    codes: ({ generator }) => ("codes" in generator ? generator.codes : undefined),
    vae_stride: stride,
    img_size: (a) => a.tokenizer.image_height,
  };
  const claims: Claim[] = [];
  for (const [field, where] of Object.entries(found)) {
    const stated = mar[field as keyof typeof found];
    if (stated !== undefined) claims.push({ field: `mar.${field}`, stated, found: where });
  }
  const { mlp_ratio: ratio } = mar;
  if (ratio === undefined) return claims;
  for (const stack of ["encoder", "decoder"] as const) {
    const expected = (a: Architecture) => Math.floor(a.generator[stack].width * ratio);
    // The layer's width is the whole part of the product: state the ratio that the tensors have where that differs.
    const found = (a: Architecture) => {
      const { width, mlp_width } = a.generator[stack];
      return mlp_width === expected(a) ? ratio : mlp_width / width;
    };
    claims.push({ field: `mar.mlp_ratio (of the ${stack})`, stated: ratio, found });
  }
  return claims;
}

function tokenizerClaims(vae: NonNullable<ArchitectureConfig["vae"]>): Claim[] {
  const claims: Claim[] = [];
  const claim = (field: string, stated: number | undefined, found: Claim["found"]) => {
    if (stated !== undefined) claims.push({ field: `vae.${field}`, stated, found });
  };
  claim("embed_dim", vae.embed_dim, (a) => a.tokenizer.latent_channels);
  claim("scale", vae.scale, ({ tokenizer }) => ("scale" in tokenizer ? tokenizer.scale : "part of --latent-stats"));
  const levels = ({ tokenizer }: Architecture) => ("levels" in tokenizer ? tokenizer.levels : []);
  claim("ch_mult's length", vae.ch_mult?.length, (a) => levels(a).length);
  for (const [index, factor] of (vae.ch_mult ?? []).entries()) {
    const level = (a: Architecture) => levels(a).find((each) => each.index === index)!;
    if (vae.ch !== undefined) claim(`ch times ch_mult[${index}]`, vae.ch * factor, (a) => level(a).channels);
  }
  claim("num_res_blocks", vae.num_res_blocks, (a) => Math.max(...levels(a).map((level) => level.blocks)) - 1);
  return claims;
}

function stride({ tokenizer }: Architecture): number {
  return tokenizer.image_height / tokenizer.latent_height;
}
