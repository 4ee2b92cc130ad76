/** The tables 1 to 3 of MAR's paper (arXiv 2406.11838, on ImageNet with MAR-L), and the small networks that repeat them. */

/** A network that rows measure. */
export interface Network {
  /** The name of the imported model. */
  readonly model: string;
  /** Its configuration in training/configs. */
  readonly config: string;
  /** The network that is trained before it, because it has the tokenizer. */
  readonly tokenizerOf?: Network;
}

/** FID and Inception Score. */
export type PaperScores = readonly [fid: number, score: number];

/** One setting, which is measured without guidance and with it. */
export interface Row {
  readonly labels: readonly string[];
  readonly network: Network;
  /** Autoregressive steps. */
  readonly steps: number;
  /** What the paper reports, without guidance and with it. */
  readonly paper: readonly [alone: PaperScores, guided: PaperScores];
}

export interface Table {
  readonly title: string;
  /** Titles of the columns of `labels`. */
  readonly head: readonly string[];
  readonly rows: readonly Row[];
}

/** One step for each of an image's 64 tokens. */
const ONE_EACH = 64;
/** On average four tokens a step, like the paper's 64 steps for 256 tokens. */
const FOUR_EACH = 16;

const trained = (name: string): Network => ({ model: name, config: `${name}.json` });
const paper = (name: string, tokenizerOf: Network): Network => ({
  model: `paper-${name}`,
  config: `paper/${name}.json`,
  tokenizerOf,
});
const codes = (name: string): Network => paper(`${name}-codes`, trained("mar-vq"));
const small = (name: string): Network => paper(name, trained("mar-64"));

const row = (
  labels: readonly string[],
  network: Network,
  steps: number,
  alone: PaperScores,
  guided: PaperScores,
): Row => ({ labels, network, steps, paper: [alone, guided] });

export const TABLES: readonly Table[] = [
  {
    title: "Table 1: cross-entropy over codes and diffusion loss",
    head: ["Order", "Attention", "Tokens a step", "Loss"],
    rows: [
      row(["raster", "causal", "1", "cross-entropy"], codes("raster"), ONE_EACH, [19.58, 60.8], [4.92, 227.3]),
      row(["raster", "causal", "1", "diffusion"], small("raster-diffusion"), ONE_EACH, [19.23, 62.3], [4.69, 244.6]),
      row(["random", "causal", "1", "cross-entropy"], codes("random"), ONE_EACH, [16.22, 81.3], [4.36, 222.7]),
      row(["random", "causal", "1", "diffusion"], small("random-diffusion"), ONE_EACH, [13.07, 91.4], [4.07, 232.4]),
      row(["random", "both ways", "1", "cross-entropy"], codes("mar"), ONE_EACH, [8.75, 149.6], [3.5, 280.9]),
      row(["random", "both ways", "1", "diffusion"], small("mar-diffusion"), ONE_EACH, [3.43, 203.1], [1.84, 292.7]),
      row(["random", "both ways", "4", "cross-entropy"], codes("mar"), FOUR_EACH, [8.79, 146.1], [3.69, 278.4]),
      row(["random", "both ways", "4", "diffusion"], small("mar-diffusion"), FOUR_EACH, [3.5, 201.4], [1.98, 290.3]),
    ],
  },
  {
    title: "Table 2: tokenizers, with diffusion loss",
    head: ["The paper's", "Ours", "Latents", "Tokens"],
    rows: [
      row(["VQ-16", "VQ, before quantization", "8 x 8", "4 x 4"], trained("mar-vq"), 16, [7.82, 151.7], [3.64, 258.5]),
      row(["KL-16", "KL, eight channels", "8 x 8", "8 x 8"], trained("mar-64"), FOUR_EACH, [3.5, 201.4], [1.98, 290.3]),
      row(["KL-8", "KL with four channels", "8 x 8", "4 x 4"], trained("mar-kl8"), 16, [4.33, 180], [2.05, 283.9]),
    ],
  },
  {
    title: "Table 3: width of the diffusion head",
    head: ["The paper's width", "Ours"],
    rows: [
      row(["256", "32"], small("mar-diffusion-32"), FOUR_EACH, [3.47, 195.3], [2.45, 274]),
      row(["512", "64"], small("mar-diffusion-64"), FOUR_EACH, [3.24, 199.1], [2.11, 281]),
      row(["1024", "128"], small("mar-diffusion"), FOUR_EACH, [2.85, 214], [1.97, 291.2]),
      row(["1536", "256"], small("mar-diffusion-256"), FOUR_EACH, [2.93, 207.6], [1.91, 289.3]),
    ],
  },
];

/** The networks of some tables, each once. */
export function networksOf(tables: readonly Table[]): Network[] {
  const measured = tables.flatMap(({ rows }) => rows.map(({ network }) => network));
  return [...new Map(measured.map((network) => [network.model, network])).values()];
}
