import type { GeneratorArchitecture } from "../manifest.js";

type Grid = Pick<GeneratorArchitecture, "grid_height" | "grid_width" | "latent_channels" | "patch_size">;

/**
 * Writes one image's tokens [L, C] as a latent [C', h, w] to `latents` from `offset` on. A token's channels are
 * c-major: (c, p, q), latent channel first, then the row and the column inside the patch.
 */
export function unpatchify(tokens: Float32Array, grid: Grid, latents: Float32Array, offset = 0): void {
  forEachNumber(grid, (token, latent) => {
    latents[offset + latent] = tokens[token]!;
  });
}

/** The other way round: writes one image's latent [C', h, w] as tokens [L, C]. */
export function patchify(latents: Float32Array, grid: Grid, tokens: Float32Array): void {
  forEachNumber(grid, (token, latent) => {
    tokens[token] = latents[latent]!;
  });
}

/** Where each number of an image lies among its tokens, and where in its latent. */
function forEachNumber(grid: Grid, visit: (token: number, latent: number) => void): void {
  const { grid_height: rows, grid_width: columns, latent_channels: channels, patch_size: patch } = grid;
  const width = columns * patch;
  const plane = rows * patch * width;
  let token = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < channels; channel++) {
        for (let p = 0; p < patch; p++) {
          const latent = channel * plane + (row * patch + p) * width + column * patch;
          for (let q = 0; q < patch; q++) visit(token++, latent + q);
        }
      }
    }
  }
}
