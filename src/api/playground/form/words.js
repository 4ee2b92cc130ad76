// Label and hint of each field. A field without an entry shows its name and the server's description.

const WORDS = {
  num_images: ["Images", "All come from one seed."],
  seed: ["Seed", "The same seed gives the same image. Lock it to use it again."],
  steps: ["Steps", "Steps in which the image appears. More steps are slower and more reliable."],
  guidance_scale: [
    "Guidance",
    "How strongly the class guides the image. 1 turns guidance off; more is plainer and less varied.",
  ],
  guidance_schedule: ["Guidance schedule", "Linear leaves the first tokens freer; constant guides all tokens equally."],
  guidance_steps: ["Guided steps", "How many steps have guidance, from the first on. Empty: all."],
  temperature: ["Temperature", "Scales the randomness of each token. Lower is calmer, higher is wilder."],
  top_k: ["Top k", "Each token is one of the k likeliest. 0: any."],
  top_p: ["Top p", "Each token is one of the likeliest that together have this probability. 1: any."],
  diffusion_steps: ["Diffusion steps", "Diffusion steps for each token. Fewer are faster; more are more accurate."],
  diffusion_steps_final: [
    "Final diffusion steps",
    "Diffusion steps in the last step; the number changes linearly. Empty: the same in all steps.",
  ],
  reconstruction_steps: [
    "Reconstruction steps",
    "Steps for the second half of the tokens. If empty, the cosine schedule decides.",
  ],
  max_timestep: [
    "Largest timestep",
    "The timestep at which diffusion begins. Below 950, short schedules avoid their largest error.",
  ],
  output_format: ["Format", "PNG keeps every pixel; JPEG and WebP files are smaller."],
  strength: ["Strength", "The share of the marked tokens that are drawn again. Lower is closer to the image."],
  mask_grow: [
    "Margin",
    "Rings of tokens around the mask that are drawn again too, because they have seen what is under it.",
  ],
  feather: ["Feather", "Pixels inside the edge of the mask over which the new image fades in."],
  sampler: [
    "Sampler",
    "ddpm and sde draw noise in every step; ddim, euler and heun draw none after the first, and need fewer steps. heun takes twice as long a step.",
  ],
  decoder: [
    "Decoder",
    "Consistency makes finer images and takes much longer; tokenizer is the decoder that also makes the previews.",
  ],
  order: [
    "Token order",
    "Random, as in training; raster, line by line; checkerboard, every other token first; confidence, of models that draw codes, the likeliest first.",
  ],
  confidence_noise: ["Confidence noise", "How random the order of confidence is at first. Empty: 4.5."],
};

export function wordsFor(name, schema) {
  const [label, hint] = WORDS[name] ?? [sentence(name), schema.description ?? ""];
  return { label, hint };
}

/** `diffusion_steps` becomes `Diffusion steps`. */
export function sentence(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
