import { floats, type Tensors } from "../../../engine/runtime/runtime.js";
import type { ExposedModel } from "../../../evaluation/parity/family-parity.js";
import type { Recording } from "../../../evaluation/parity/recording.js";
import { ALLOWED, type Report } from "../../../evaluation/parity/report.js";
import type { OrderedArchitecture } from "../../../model/manifest.js";
import { compareDecode, compareDenoising, HeadParity } from "../../heads/parity.js";
import { KeyValueCache } from "../cache.js";
import { predict } from "../predictor.js";
import { joinedByRow } from "./rows.js";

/**
 * Compares `stages.safetensors` of a causal generator of MAR's paper: the network with its cache, block by block, where each position
 * sees the recorded tokens before it; then every diffusion step by itself.
 */
export async function compareOrdered(
  model: ExposedModel<OrderedArchitecture>,
  recording: Recording,
  report: Report,
): Promise<void> {
  const { runtime, generator } = model;
  const { token_count: L, token_channels: C, class_count: noClass } = generator;
  const labels = recording.metadata("labels") as number[];
  const order = (await recording.tensor("forward.order")).data;
  const tokens = Float32Array.from((await recording.tensor("forward.tokens")).data);
  const rows = [...labels, ...labels.map(() => noClass)].map((label, i) => ({ label, image: i % labels.length }));
  const cache = new KeyValueCache(generator);
  const positions: Tensors[] = [];
  for (let position = 0; position < L; position++) {
    const inputs = rows.map((owner) => {
      const placeAt = (step: number) => order[owner.image * L + step] as number;
      const previous = position === 0 ? 0 : placeAt(position - 1);
      const start = (owner.image * L + previous) * C;
      const token = tokens.subarray(start, start + C);
      return { owner, label: owner.label, position, token, previous, target: placeAt(position) };
    });
    // A new cache gives rows in their order.
    positions.push((await predict(runtime, cache, inputs)).out);
  }
  for (const name of Object.keys(positions[0]!)) {
    const data = joinedByRow(
      positions.map((outputs) => floats(outputs, name)),
      rows.length,
    );
    const ours = { shape: [rows.length, L, data.length / rows.length / L], data };
    const expected = await recording.floats(`forward.${name}`);
    report.numbers(recording.name, name.replace(/\.\d+$/, ""), name, ALLOWED.network, ours, expected);
  }
  if (generator.head_kind === "diffusion")
    await compareDenoising(new HeadParity(runtime, generator), recording, report);
  // The recordings of training/ have it.
  if (recording.has("decode.latents")) await compareDecode(model, recording, report, "decode.latents", "decode.image");
}
