import type { GeneratorArchitecture } from "../manifest.js";

type Grid = Pick<GeneratorArchitecture, "grid_height" | "grid_width" | "latent_channels" | "patch_size">;

/**
 * Writes one image's tokens [L, C] as a latent [C', h, w] to `latents` from `offset` on. A token's channels are
 * c-major: (c, p, q), latent channel first, then the row and the column inside the patch.
 */
export function unpatchify(tokens: Float32Array, grid: Grid, latents: Float32Array, offset = 0): void {
  const { grid_height: rows, grid_width: columns, latent_channels: channels, patch_size: patch } = grid;
  const width = columns * patch;
  const plane = rows * patch * width;
  let from = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < channels; channel++) {
        for (let p = 0; p < patch; p++) {
          const to = offset + channel * plane + (row * patch + p) * width + column * patch;
          for (let q = 0; q < patch; q++) latents[to + q] = tokens[from++]!;
        }
      }
    }
  }
}
