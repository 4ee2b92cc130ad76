import { floats, type Tensors } from "../../engine/runtime/runtime.js";
import type { ExposedModel, FamilyParity } from "../../evaluation/parity/family-parity.js";
import { compareImage } from "../../evaluation/parity/pixels.js";
import type { Recording } from "../../evaluation/parity/recording.js";
import { ALLOWED, type Report } from "../../evaluation/parity/report.js";
import type { AnyCausalArchitecture, CausalArchitecture } from "../../model/manifest.js";
import { categoricalWeights, guidedLogits } from "../../model/sampler/categorical.js";
import { KeyValueCache } from "./cache.js";
import { compareOrdered } from "./parity/ordered.js";
import { joinedByRow } from "./parity/rows.js";
import { predict } from "./predictor.js";

type CausalModel = ExposedModel<CausalArchitecture>;

export const causal: FamilyParity<AnyCausalArchitecture> = {
  stagesMarkers: ["forward.codes", "forward.order"],
  runMarker: "sampler",
  compareStages: ({ generator, ...model }, recording, report) =>
    "order" in generator
      ? compareOrdered({ ...model, generator }, recording, report)
      : compareStages({ ...model, generator }, recording, report),
  async compareRun({ generator, ...model }, recording, report) {
    if ("order" in generator) throw new Error(`${recording.name}: runs of such a model are not compared.`);
    await compareRun({ ...model, generator }, recording, report);
  },
};

/** Compares `stages.safetensors`: the network, block by block, where each position sees the recorded codes before it. */
async function compareStages(model: CausalModel, recording: Recording, report: Report): Promise<void> {
  const { token_count: L } = model.generator;
  const labels = (await recording.tensor("forward.labels")).data;
  const codes = (await recording.tensor("forward.codes")).data;
  const rows = Array.from(labels, (label, row) => ({ label, codes: codes.subarray(row * L, (row + 1) * L) }));
  const positions = await outputsOf(model, rows);
  for (const name of Object.keys(positions[0]!)) {
    // The class is the input of position 0 alone.
    const [first, ...others] = positions.map((outputs) => floats(outputs, name));
    const all = name === "class" ? [first!] : [first!, ...others];
    const data = joinedByRow(all, rows.length);
    const shape = [rows.length, all.length, data.length / rows.length / all.length];
    for (const recorded of name === "logits" ? ["forward.logits", "cached.logits"] : [`forward.${name}`]) {
      const stage = recorded === "cached.logits" ? "logits with a cache" : name.replace(/\.\d+$/, "");
      const expected = await recording.floats(recorded);
      report.numbers(recording.name, stage, recorded, ALLOWED.network, { shape, data }, expected);
    }
  }
}

/** Compares one sampling run position by position: each on the recorded codes before it, guidance and draws on recorded logits. */
async function compareRun(model: CausalModel, recording: Recording, report: Report): Promise<void> {
  const { name } = recording;
  const { token_count: L, class_count: noClass, codes: K } = model.generator;
  const setting = (key: string) => recording.metadata(key) as number;
  const labels = recording.metadata("labels") as number[];
  const guidance = setting("cfg_scale");
  const codes = (await recording.tensor("codes")).data;
  const images = labels.map((label, i) => ({ label, codes: codes.subarray(i * L, (i + 1) * L) }));
  const rows = guidance > 1 ? [...images, ...images.map((image) => ({ ...image, label: noClass }))] : images;
  const positions = await outputsOf(model, rows);

  const network = await recording.floats("network"); // [L, rows, K]
  const logits = await recording.floats("logits"); // [L, images, 1, K] or [L, images, K]
  const probabilities = await recording.floats("probs");
  const noise = recording.has("exponential") ? (await recording.floats("exponential")).data : undefined;
  const guidedSteps = guidanceSteps(recording) ?? L;
  const filters = { temperature: setting("temperature"), top_k: setting("top_k"), top_p: setting("top_p") };
  for (let position = 0; position < L; position++) {
    const at = `position ${position}`;
    const compare = (stage: string, data: ArrayLike<number>, recorded: ArrayLike<number>) =>
      report.numbers(
        name,
        stage,
        at,
        ALLOWED.network,
        { shape: [data.length], data },
        { shape: [recorded.length], data: recorded },
      );
    const ours = floats(positions[position]!, "logits");
    compare("network", ours, network.data.subarray(position * ours.length, (position + 1) * ours.length));
    for (const [image] of images.entries()) {
      const rowOf = (row: number) =>
        network.data.subarray((position * rows.length + row) * K, (position * rows.length + row + 1) * K);
      const start = (position * images.length + image) * K;
      const guided =
        position < guidedSteps && guidance > 1 ? [rowOf(image), rowOf(image + images.length)] : [rowOf(image)];
      const recordedLogits = logits.data.subarray(start, start + K);
      compare("guidance", guidedLogits(guided, guidance), recordedLogits);
      const weights = categoricalWeights(Float64Array.from(recordedLogits), filters);
      const sum = weights.reduce((total, weight) => total + weight);
      compare(
        "probabilities",
        weights.map((weight) => weight / sum),
        probabilities.data.subarray(start, start + K),
      );
      const drawn = likeliest(weights.map((weight, code) => weight / (noise?.[start + code] ?? 1)));
      const recorded = images[image]!.codes[position]!;
      report.holds(name, "code", at, drawn === recorded, `ours is ${drawn}, recorded ${recorded}`);
    }
  }
  await compareImage(model, recording, report, Float32Array.from(codes));
}

/** Steps with guidance: `cfg_interval` n means the first position and the n + 1 after it. */
function guidanceSteps(recording: Recording): number | undefined {
  const interval = recording.hasMetadata("cfg_interval") ? (recording.metadata("cfg_interval") as number) : -1;
  return interval > -1 ? interval + 2 : undefined;
}

/** The graph's outputs at each position but the cache, rows in their order. */
async function outputsOf(
  { runtime, generator }: CausalModel,
  rows: readonly { readonly label: number; readonly codes: ArrayLike<number> }[],
): Promise<Tensors[]> {
  const cache = new KeyValueCache(generator);
  const positions = [];
  for (let position = 0; position < generator.token_count; position++) {
    const inputs = rows.map((owner) => ({
      owner,
      label: owner.label,
      token: [position === 0 ? 0 : owner.codes[position - 1]!],
      position,
    }));
    // A new cache gives rows in their order.
    positions.push((await predict(runtime, cache, inputs)).out);
  }
  return positions;
}

function likeliest(weights: Float64Array): number {
  return weights.reduce((best, weight, code) => (weight > weights[best]! ? code : best), 0);
}
