import { describe, expect, it } from "vitest";
import { unpatchify } from "../../../src/model/sampler/patches.js";

describe("unpatchify", () => {
  it("lays tokens out as planes where a patch is one latent pixel", () => {
    const latents = new Float32Array(2 * 2 * 3);
    const tokens = Float32Array.from([0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15]); // [6, 2]
    unpatchify(tokens, { grid_height: 2, grid_width: 3, latent_channels: 2, patch_size: 1 }, latents);
    expect([...latents]).toEqual([0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
  });

  it("takes a token's channels as (c, p, q)", () => {
    // One row of two tokens, two latent channels, patches of 2 x 2: token t holds 100 t + 10 c + 2 p + q.
    const tokens = Float32Array.from({ length: 16 }, (_, i) => {
      const [t, c, p, q] = [i >> 3, (i >> 2) & 1, (i >> 1) & 1, i & 1];
      return 100 * t + 10 * c + 2 * p + q;
    });
    const latents = new Float32Array(18).fill(-1);
    unpatchify(tokens, { grid_height: 1, grid_width: 2, latent_channels: 2, patch_size: 2 }, latents, 1);
    const planes = [
      [0, 1, 100, 101, 2, 3, 102, 103],
      [10, 11, 110, 111, 12, 13, 112, 113],
    ];
    expect([...latents]).toEqual([-1, ...planes.flat(), -1]);
  });
});
