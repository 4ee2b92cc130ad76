import type { Manifest } from "../../src/model/manifest.js";

/** A manifest of a small model with 16 tokens and 128x128 images; a fresh object on every call. */
export function exampleManifest(name = "demo"): Manifest {
  const stack = { width: 64, depth: 2, heads: 4, mlp_width: 256 };
  const source = { file: "weights.safetensors", bytes: 1, sha256: "0".repeat(64) };
  return {
    format: 1,
    name,
    architecture: {
      generator: {
        attention: "bidirectional",
        order: "random",
        head_kind: "diffusion",
        grid_height: 4,
        grid_width: 4,
        token_count: 16,
        token_channels: 16,
        latent_channels: 4,
        patch_size: 2,
        buffer_size: 4,
        class_count: 4,
        encoder: { ...stack },
        decoder: { ...stack },
        head: { width: 64, depth: 2, frequency_channels: 256 },
        norm_eps: 1e-6,
        train_timesteps: 1000,
      },
      tokenizer: {
        kind: "kl",
        latent_channels: 4,
        latent_height: 8,
        latent_width: 8,
        image_height: 128,
        image_width: 128,
        scale: 0.2325,
        norm_groups: 32,
        norm_eps: 1e-6,
        levels: [{ index: 0, channels: 32, blocks: 2, attention: false, upsample: false }],
      },
    },
    classes: [
      { index: 0, name: "star", id: "n00000001" },
      { index: 1, name: "heart" },
      { index: 2, name: "crane, heron" },
      { index: 3, name: "crane, hoist" },
    ],
    precision: "fp32",
    weight_files: ["weights.bin"],
    hash: "a".repeat(64),
    source: { generator: source, tokenizer: source },
    defaults: {
      steps: 8,
      guidance_scale: 2,
      guidance_schedule: "linear",
      temperature: 1,
      diffusion_steps: 25,
      max_timestep: 950,
      order: "random",
    },
    presets: {
      fast: { description: "Few steps.", parameters: { steps: 4, diffusion_steps: 10 } },
      best: { description: "Every step.", parameters: { steps: 16, diffusion_steps: 100 } },
    },
  };
}
