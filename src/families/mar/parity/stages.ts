import { part, type Recording } from "../../../evaluation/parity/recording.js";
import { ALLOWED, type Report } from "../../../evaluation/parity/report.js";
import { OUTPUT } from "../../heads/head-image.js";
import { compareDecode, compareDenoising } from "../../heads/parity.js";
import type { ParityModel } from "./model.js";
import { predictInput } from "./transformer-input.js";

/** Compares `stages.safetensors`: predict at several mask sizes, every diffusion step by itself, decode. */
export async function compareStages(model: ParityModel, recording: Recording, report: Report): Promise<void> {
  for (let j = 0; recording.has(`predict.${j}.tokens`); j++) await comparePredict(model, recording, report, j);
  if (model.generator.head_kind === "categorical") return;
  await compareDenoising(model.head, recording, report);
  await compareDecode(model.exposed, recording, report, "decode.latents", "decode.image");
}

async function comparePredict(model: ParityModel, recording: Recording, report: Report, j: number): Promise<void> {
  const { generator: a } = model;
  const labels = recording.metadata("labels") as number[];
  const positions = Array.from({ length: a.token_count }, (_, position) => position);
  const batch = predictInput(a, {
    tokens: Float32Array.from((await recording.tensor(`predict.${j}.tokens`)).data),
    mask: (await recording.tensor(`predict.${j}.mask`)).data,
    classes: [...labels, ...labels.map(() => a.class_count)],
    targets: () => positions,
  });
  const out = await model.predict(batch);
  const at = `predict.${j}`;
  const { name } = recording;
  const encoder = { shape: [batch.rows, a.buffer_size + batch.known, a.encoder.width], data: out.encoder ?? [] };
  report.numbers(name, "encoder", at, ALLOWED.transformer, encoder, await recording.floats(`${at}.encoder`));
  const shape = [batch.rows, a.token_count, a.decoder.width];
  const expected = await recording.floats(`${at}.decoder`);
  report.numbers(name, "decoder", at, ALLOWED.transformer, { shape, data: out.decoder ?? [] }, expected);
  // The engine's own path to z, which computes no more of the last block than the targets need.
  const isDiffusion = a.head_kind === "diffusion";
  const recorded = isDiffusion ? expected : await recording.floats(`${at}.logits`);
  const width = isDiffusion ? a.decoder.width : a.codes;
  const ours = { shape: [batch.rows, a.token_count, width], data: out.z };
  report.numbers(name, OUTPUT[a.head_kind], at, ALLOWED.transformer, ours, recorded);
}

/** Compares `vae_encode.safetensors`: the posterior's moments of each image, and the latents that follow from them. */
export async function compareEncode(model: ParityModel, recording: Recording, report: Report): Promise<void> {
  const { tokenizer } = model.architecture;
  if (tokenizer.kind !== "kl")
    throw new Error(`${recording.name}: moments of a ${tokenizer.kind} tokenizer are not compared so.`);
  const { scale } = tokenizer;
  const image = await recording.floats("image");
  const moments = await recording.floats("moments");
  const [images = 0, ...shape] = moments.shape;
  for (let i = 0; i < images; i++) {
    const ours = await model.encoder.encode(part(image, i).data);
    const expected = part(moments, i);
    const at = `image ${i}`;
    report.numbers(recording.name, "moments", at, ALLOWED.transformer, { shape, data: ours.moments ?? [] }, expected);
    // The mean is the first half.
    const half = [shape[0]! / 2, ...shape.slice(1)];
    const scaledMean = expected.data.subarray(0, expected.data.length / 2).map((value) => value * scale);
    const latents = { shape: half, data: ours.latents };
    report.numbers(recording.name, "latents", at, ALLOWED.transformer, latents, { shape: half, data: scaledMean });
  }
}
