import type { Mistake } from "../mistake.js";

const IMAGE = "families/mar/image.ts";
const PREDICT = "families/mar/predictor.ts";
const DENOISE = "families/heads/denoiser.ts";
const DECODE = "engine/decoder.ts";

/** How the engine puts images together for the graphs and takes them apart again. */
export const ENGINE_MISTAKES: readonly Mistake[] = [
  {
    name: "order-consumed-from-its-start",
    file: IMAGE,
    find: "return this.#order.subarray(this.probabilities ? 0 : masked - sampled, masked);",
    replace:
      "const known = this.#order.length - masked;\n    return this.#order.subarray(known, known + sampled).sort();",
    why: "order[0 .. masked) stays masked",
  },
  {
    name: "guidance-of-the-first-step",
    file: IMAGE,
    find: "this.#order.length, this.#present.maskedAfter)",
    replace: "this.#order.length, this.#schedule[0]!.maskedAfter)",
    why: "linear guidance grows from step to step",
  },
  {
    name: "class-zero-for-no-class",
    file: PREDICT,
    find: "image.parameters.class ?? noClass",
    replace: "image.parameters.class ?? 0",
    why: "an image without a class takes the row after the last",
  },
  {
    name: "halves-have-each-others-class",
    file: PREDICT,
    find: "isUnconditional ? noClass : (image.parameters.class ?? noClass)",
    replace: "isUnconditional ? (image.parameters.class ?? noClass) : noClass",
    why: "the conditional half comes first",
  },
  {
    name: "halves-have-each-others-z",
    file: PREDICT,
    find: "image.z = z.subarray(start, start + size);\n      if (image.guided) image.zUnconditional = z.subarray(start + rowSize, start + rowSize + size);",
    replace:
      "image.zUnconditional = z.subarray(start, start + size);\n      image.z = image.guided ? z.subarray(start + rowSize, start + rowSize + size) : image.zUnconditional;",
    why: "the conditional half comes first",
  },
  {
    name: "known-tokens-at-their-index",
    file: PREDICT,
    find: "batch.positions[slot] = this.#integers[position]!;",
    replace: "batch.positions[slot] = this.#integers[i]!;",
    why: "a known token has the embedding of its position",
  },
  {
    name: "x-scaled-by-temperature-before",
    file: DENOISE,
    find: "    const bytesPerStep = ",
    replace:
      "    rows.forEach((row, i) => {\n      for (let c = i * C; c < (i + 1) * C; c++) x[c] = x[c]! * row.image.parameters.temperature;\n    });\n    const bytesPerStep = ",
    why: "x_T is never scaled",
  },
  {
    name: "x-used-again-as-noise",
    file: DENOISE,
    find: "image.noise.fill(noise, plane + i * C, C, image.step, position, k + 1);",
    replace: "image.noise.fill(noise, plane + i * C, C, image.step, position, k);",
    why: "draw 0 is x_T, and diffusion step k adds draw k + 1",
  },
  {
    name: "noise-the-same-in-every-step",
    file: DENOISE,
    find: "row.image.noise.fill(x, i * C, C, row.image.step, row.position, 0);",
    replace: "row.image.noise.fill(x, i * C, C, 0, row.position, 0);",
    why: "each autoregressive step draws its own noise",
  },
  {
    name: "temperature-of-the-first-row",
    file: DENOISE,
    find: "temperature[i] = image.parameters.temperature;",
    replace: "temperature[i] = rows[0]!.image.parameters.temperature;",
    why: "images of different temperature share a run",
  },
  {
    name: "slice-starts-the-table-again",
    file: DENOISE,
    find: "coefficients: schedule.coefficients.subarray(start * COEFFICIENTS.length, end * COEFFICIENTS.length),",
    replace: "coefficients: schedule.coefficients.subarray(0, (end - start) * COEFFICIENTS.length),",
    why: "a slice of the diffusion loop goes on where the one before ended",
  },
  {
    name: "latents-of-the-first-image",
    file: DECODE,
    find: "sampler.writeLatents(image, latents, i * this.latentSize);",
    replace: "sampler.writeLatents(images[0]!, latents, i * this.latentSize);",
    why: "images that finish together are different images",
  },
  {
    name: "known-tokens-sampled-last",
    file: IMAGE,
    find: "Int32Array.of(...unknown, ...order.filter((token) => this.#known[token]))",
    replace: "Int32Array.of(...order.filter((token) => this.#known[token]), ...unknown)",
    why: "the order begins with the tokens that an edit knows",
  },
  {
    name: "guidance-over-the-unknown-tokens",
    file: IMAGE,
    find: "this.#order.length, this.#present.maskedAfter)",
    replace: "this.#schedule[0]!.masked, this.#present.maskedAfter)",
    why: "an edit's guidance grows with the share of all tokens that are known",
  },
  {
    name: "mask-schedule-over-all-tokens",
    file: IMAGE,
    find: "maskSchedule(unknown.length, steps,",
    replace: "maskSchedule(tokenCount, steps,",
    why: "an edit samples its unknown tokens only",
  },
  {
    name: "known-tokens-by-count",
    file: IMAGE,
    find: "this.tokens.set(tokens.subarray(position * C, (position + 1) * C), position * C);",
    replace: "this.tokens.set(tokens.subarray(0, C), position * C);",
    why: "each known token is that of its own position",
  },
];
