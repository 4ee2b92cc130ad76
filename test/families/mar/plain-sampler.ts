import { Decoder } from "../../../src/engine/decoder.js";
import type { Runtime } from "../../../src/engine/runtime/runtime.js";
import { diffusionStepsInStep } from "../../../src/families/heads/diffusion-steps.js";
import { maskSchedule } from "../../../src/families/mar/mask-schedule.js";
import { paddedShape } from "../../../src/families/mar/predictor.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import { type Architecture, marArchitecture } from "../../../src/model/manifest.js";
import type { ImageRequest } from "../../../src/model/parameters.js";
import { diffusionSchedule, timestepFrequencies } from "../../../src/model/sampler/diffusion-schedule.js";
import { guidanceInStep } from "../../../src/model/sampler/guidance.js";
import { ImageNoise } from "../../../src/model/sampler/noise.js";
import { unpatchify } from "../../../src/model/sampler/patches.js";
import { tokenOrder } from "../../../src/model/sampler/token-order.js";
import { typedGraphs } from "./typed-runtime.js";

/**
 * The official sampling loop for one image, written as plainly as it can be: no batch, no padding, no slices, a mask
 * of booleans. What the engine computes must be this. With fewer steps than the request's: the image as it stands then.
 */
export async function samplePlainly(
  runtime: Runtime,
  architecture: Architecture,
  { parameters: p, seed, imageIndex }: ImageRequest<FamilyParameters<"mar">>,
  stepsDone = p.steps,
): Promise<Uint8Array> {
  const { generator, tokenizer } = marArchitecture(architecture);
  const { token_count: L, token_channels: C } = generator;
  const graphs = typedGraphs(runtime, generator);
  const order = tokenOrder(p.order, generator, seed, imageIndex);
  const noise = new ImageNoise(seed, imageIndex);
  const tokens = new Float32Array(L * C);
  const mask = new Array<boolean>(L).fill(true);
  const positions = Array.from({ length: L }, (_, position) => position);
  let step = 0;
  for (const { masked, sampled, maskedAfter } of maskSchedule(L, p.steps, p.reconstruction_steps).slice(0, stepsDone)) {
    const known = positions.filter((position) => !mask[position]);
    const targets = positions.filter((position) => order.subarray(masked - sampled, masked).includes(position));
    // As many queries as the engine asks: their number may change the rounding of attention.
    const { targets: targetCount } = paddedShape(known.length, targets.length, L);
    const half = async (label: number) => {
      const { z } = await graphs.predict({
        rows: 1,
        known: known.length,
        tokens: Float32Array.from(known.flatMap((position) => [...tokens.subarray(position * C, (position + 1) * C)])),
        positions: BigInt64Array.from(known.map(BigInt)),
        knownCounts: BigInt64Array.of(BigInt(known.length)),
        classes: BigInt64Array.of(BigInt(label)),
        placement: BigInt64Array.from(
          positions.map((position) => BigInt(mask[position] ? known.length : known.indexOf(position))),
        ),
        targetCount,
        targets: BigInt64Array.from({ length: targetCount }, (_, i) => BigInt(targets[i] ?? 0)),
      });
      return z.subarray(0, targets.length * generator.decoder.width);
    };
    const guided = p.guidance_scale !== 1;
    const noClass = generator.class_count;
    const drawn = (draw: number) => {
      const values = new Float32Array(targets.length * C);
      targets.forEach((position, i) => {
        noise.fill(values, i * C, C, step, position, draw);
      });
      return values;
    };
    const { steps, timesteps, coefficients } = diffusionSchedule(diffusionStepsInStep(p, step), p.max_timestep);
    const { x } = await graphs.denoise({
      rows: targets.length,
      guidedRows: guided ? targets.length : 0,
      steps,
      x: drawn(0),
      z: await half(p.class ?? noClass),
      zUnconditional: guided ? await half(noClass) : new Float32Array(0),
      guidance: new Float32Array(guided ? targets.length : 0).fill(
        guidanceInStep(p.guidance_scale, p.guidance_schedule, L, maskedAfter),
      ),
      temperature: new Float32Array(targets.length).fill(p.temperature),
      noise: Float32Array.from(Array.from({ length: steps }, (_, k) => [...drawn(k + 1)]).flat()),
      frequencies: timestepFrequencies(timesteps, generator.head.frequency_channels),
      coefficients,
    });
    targets.forEach((position, i) => {
      tokens.set(x.subarray(i * C, (i + 1) * C), position * C);
      mask[position] = false;
    });
    step++;
  }
  const latents = new Float32Array(tokenizer.latent_channels * tokenizer.latent_height * tokenizer.latent_width);
  unpatchify(tokens, generator, latents);
  return (await new Decoder(runtime, tokenizer).decode(latents)).pixels;
}
