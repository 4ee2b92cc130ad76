import { describe, expect, it } from "vitest";
import { Decoder } from "../../../src/engine/decoder.js";
import { floats, type Runtime } from "../../../src/engine/runtime/runtime.js";
import { warmUp } from "../../../src/engine/warm-up.js";
import { KeyValueCache } from "../../../src/families/causal/cache.js";
import { predict } from "../../../src/families/causal/predictor.js";
import { denoise } from "../../../src/families/heads/denoise.js";
import type { FamilyParameters } from "../../../src/model/family-traits.js";
import type { Architecture, OrderedArchitecture } from "../../../src/model/manifest.js";
import type { ImageRequest } from "../../../src/model/parameters.js";
import { categoricalWeights, drawCode, guidedLogits } from "../../../src/model/sampler/categorical.js";
import { diffusionSchedule, timestepFrequencies } from "../../../src/model/sampler/diffusion-schedule.js";
import { ImageNoise } from "../../../src/model/sampler/noise.js";
import { unpatchify } from "../../../src/model/sampler/patches.js";
import { tokenOrder } from "../../../src/model/sampler/token-order.js";
import { expectAsAlone, fingerprint, freshImageAlone, useModel, WatchedBatch } from "../../engine/tiny-engine.js";
import { importPaper, type PaperModel } from "../heads/paper.js";

type Request = ImageRequest<FamilyParameters<"causal">>;

/** Images of one model that differ in everything. */
function subjects({ token_count: steps, class_count, head_kind, order }: OrderedArchitecture): Request[] {
  const own = head_kind === "diffusion" ? { diffusion_steps: 4, max_timestep: 500 } : {};
  const filtered = head_kind === "diffusion" ? { diffusion_steps_final: 2 } : { top_k: 8, top_p: 0.8 };
  const request = (change: object, seed: number, imageIndex = 0): Request => ({
    parameters: { class: 3, steps, guidance_scale: 2, temperature: 1, ...own, ...change },
    seed,
    imageIndex,
  });
  return [
    request({}, 1),
    request({ guidance_scale: 1, ...filtered }, 2),
    request({ class: null }, 3),
    request({ class: class_count - 1, guidance_schedule: "linear", guidance_scale: 3 }, 4),
    request({ guidance_steps: 3, temperature: 0.8, ...(order === "random" && { order: "checkerboard" }) }, 4, 1),
    request({ guidance_steps: 0 }, 1),
  ];
}

/** An image in a plain loop: a cache for each row, and one token after another. */
async function samplePlainly(
  runtime: Runtime,
  { generator: model, tokenizer }: Architecture<OrderedArchitecture>,
  { parameters: p, seed, imageIndex }: Request,
): Promise<string> {
  const { token_count: L, token_channels: C, class_count } = model;
  const order = [...tokenOrder(p.order ?? model.order, model, seed, imageIndex)].reverse();
  const noise = new ImageNoise(seed, imageIndex);
  const tokens = new Float32Array(L * C);
  const rows = [p.class ?? class_count, class_count].map((label) => ({ label, cache: new KeyValueCache(model) }));
  for (const [step, target] of order.entries()) {
    const previous = order[step - 1] ?? 0;
    const token = tokens.slice(previous * C, (previous + 1) * C);
    const [z, without] = await Promise.all(
      rows.map(async (owner) => {
        const input = { owner, label: owner.label, position: step, token, previous, target };
        const { out } = await predict(runtime, owner.cache, [input]);
        return floats(out, model.head_kind === "diffusion" ? "z" : "logits").slice();
      }),
    );
    const isGuided = p.class !== null && p.guidance_scale !== 1 && step < (p.guidance_steps ?? L);
    const linear = Math.fround(1 + Math.fround(Math.fround(Math.fround(p.guidance_scale - 1) * (step + 1)) / L));
    const guidance = p.guidance_schedule === "linear" ? linear : p.guidance_scale;
    if (model.head_kind === "categorical") {
      const logits = guidedLogits(isGuided ? [z!, without!] : [z!], guidance);
      tokens[target] = drawCode(categoricalWeights(logits, p), noise.uniform(step, target));
      continue;
    }
    const { diffusion_steps: first = 0, diffusion_steps_final: last = first, max_timestep = 0 } = p;
    const asked = last + Math.trunc(((L - 1 - step) / (L - 1)) * (first - last));
    const { steps, timesteps, coefficients } = diffusionSchedule(asked, max_timestep);
    const drawn = (draw: number) => {
      const values = new Float32Array(C);
      if (draw < steps) noise.fill(values, 0, C, step, target, draw); // the last step adds none
      return values;
    };
    const { x } = await denoise(runtime, model, {
      ...{ rows: 1, guidedRows: isGuided ? 1 : 0, steps, x: drawn(0), z: z!, coefficients },
      zUnconditional: isGuided ? without! : new Float32Array(0),
      guidance: new Float32Array(isGuided ? [guidance] : []),
      temperature: Float32Array.of(p.temperature),
      noise: Float32Array.from(Array.from({ length: steps }, (_, k) => [...drawn(k + 1)]).flat()),
      frequencies: timestepFrequencies(timesteps, model.head.frequency_channels),
    });
    tokens.set(x, target * C);
  }
  const latents = new Float32Array(tokens.length);
  unpatchify(tokens, model, latents);
  const { pixels } = await new Decoder(runtime, tokenizer, model.latent_channels).decode(latents);
  return fingerprint(pixels);
}

describe.each([
  ["raster-diffusion", "int8"],
  ["random-diffusion", "fp32"],
  ["raster-codes", "fp32"],
  ["random-codes", "int8"],
] as const satisfies [PaperModel, "fp32" | "int8"][])(
  "a causal generator of MAR's paper, %s in %s",
  (name, precision) => {
    const model = useModel(() => importPaper(name, precision), 2);
    const architecture = () => model.manifest.architecture as Architecture<OrderedArchitecture>;

    it("gives each image the bytes that it has alone, whatever is in flight", async () => {
      const all = subjects(architecture().generator);
      const mixed = new WatchedBatch(model.runtime, model.manifest);
      await expectAsAlone(mixed, model.single, all, (step) => {
        if (step === 2) for (let id = 100; id < 103; id++) mixed.submit(id, { ...all[id % 6]!, seed: id });
        if (step === 4) mixed.batch.cancel(101);
      });
      expect(mixed.ended.get(101)?.reason).toBe("cancelled");
    });

    it("samples what a plain loop does", async () => {
      for (const request of subjects(architecture().generator))
        expect(await freshImageAlone(model.single, model.manifest, request)).toBe(
          await samplePlainly(model.single, architecture(), request),
        );
    });

    it("warms up", async () => {
      expect(await warmUp(model.single, model.manifest.architecture, 3)).toBe(3);
    });
  },
);
