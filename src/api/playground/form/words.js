// What the form says of each field. One that is not here yet shows its name and the server's own description.

const WORDS = {
  num_images: ["Images", "From one seed."],
  seed: ["Seed", "The same seed gives the same picture. Locked, it stays for the next one."],
  steps: ["Steps", "Rounds in which the tokens appear. More are slower and surer."],
  guidance_scale: ["Guidance", "How hard the class pulls. 1 is not at all; more is plainer and more alike."],
  guidance_schedule: ["Guidance schedule", "Linear lets the first tokens run free; constant pulls alike throughout."],
  temperature: ["Temperature", "Noise in each diffusion step. Lower is calmer, higher is wilder."],
  diffusion_steps: ["Diffusion steps", "How finely each token is drawn. Few are quick, many are faithful."],
  diffusion_steps_final: [
    "Final diffusion steps",
    "In the last round; they change evenly on the way. Empty: the same in all.",
  ],
  reconstruction_steps: [
    "Reconstruction steps",
    "Rounds kept for the second half of the tokens. Empty: the usual share.",
  ],
  max_timestep: ["Largest timestep", "Where diffusion begins. Below 950, short schedules skip their roughest step."],
  order: ["Token order", "At random, as the model was trained; line by line; or every other token first."],
};

export function wordsFor(name, schema) {
  const [label, hint] = WORDS[name] ?? [sentence(name), schema.description ?? ""];
  return { label, hint };
}

/** `diffusion_steps` as people write it. */
export function sentence(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
