import { describe, expect, it } from "vitest";
import { Mask } from "../../../src/api/playground/edit/mask.js";
import { layOut, maskedTokens, sampledCount, windowMask } from "../../../src/api/playground/edit/tokens.js";
import { sampledTokenCount, maskedTokens as serverTokens } from "../../../src/model/edit.js";
import { exampleManifest } from "../../model/example-manifest.js";

const { architecture } = exampleManifest("demo");

/** The example's architecture with another grid and size. */
function architectureOf(columns: number, rows: number, width: number, height: number) {
  const { generator, tokenizer } = architecture;
  return {
    generator: { ...generator, grid_width: columns, grid_height: rows, token_count: columns * rows },
    tokenizer: { ...tokenizer, image_width: width, image_height: height },
  };
}

describe("the page's mask", () => {
  it.each([
    [8, 8, 64, 64],
    [16, 16, 256, 256],
    [6, 4, 96, 32],
  ])("draws the same tokens again as the server: a grid of %d x %d, %d x %d pixels", (columns, rows, width, height) => {
    const server = architectureOf(columns, rows, width, height);
    const grid = { columns, rows, width, height };
    for (let i = 0; i < 100; i++) {
      const mask = new Mask(width, height);
      const point = () => ({ x: Math.random() * width, y: Math.random() * height });
      for (let strokes = Math.floor(Math.random() * 4); strokes > 0; strokes--)
        mask.stroke(point(), point(), 1 + Math.random() * 20, Number(Math.random() < 0.8));
      const rings = i % 4;
      const tokens = maskedTokens(mask.data, grid, rings);
      expect(tokens).toEqual(serverTokens(mask.data, server, rings));
      for (const strength of [1, 0.5, 0.01])
        expect(sampledCount(tokens, strength)).toBe(sampledTokenCount(tokens, strength));
    }
  });

  it("takes changes back and makes them again", () => {
    const mask = new Mask(4, 2);
    mask.begin();
    mask.stroke({ x: 0.5, y: 0.5 }, { x: 2.5, y: 0.5 }, 1, 1);
    const painted = [1, 1, 1, 0, 0, 0, 0, 0];
    expect([...mask.data]).toEqual(painted);
    mask.invert();
    expect([...mask.data]).toEqual(painted.map((one) => 1 - one));
    mask.clear();
    expect([mask.isEmpty, mask.canUndo, mask.canRedo]).toEqual([true, true, false]);
    mask.undo();
    mask.undo();
    expect([...mask.data]).toEqual(painted);
    mask.undo();
    expect([mask.isEmpty, mask.canUndo, mask.canRedo]).toEqual([true, false, true]);
    mask.undo();
    mask.redo();
    expect([...mask.data]).toEqual(painted);
    mask.begin();
    mask.stroke({ x: 1.5, y: 0.5 }, { x: 1.5, y: 0.5 }, 1, 0);
    expect([...mask.data]).toEqual([1, 0, 1, 0, 0, 0, 0, 0]);
    expect(mask.canRedo).toBe(false);
  });

  it("takes back nothing that changed nothing", () => {
    const mask = new Mask(4, 2);
    const erase = () => mask.stroke({ x: 0.5, y: 0.5 }, { x: 2.5, y: 0.5 }, 1, 0);
    const bounds = { left: 2, top: 0, right: 4, bottom: 2 };
    mask.begin();
    erase();
    mask.stroke({ x: 0.5, y: 0.5 }, { x: 0.5, y: 0.5 }, 1, 1, bounds);
    mask.clear();
    expect([mask.isEmpty, mask.canUndo]).toEqual([true, false]);
    mask.begin();
    mask.stroke({ x: 0.5, y: 0.5 }, { x: 3.5, y: 0.5 }, 1, 1, bounds);
    expect([...mask.data]).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
    mask.undo();
    mask.begin();
    erase();
    expect([mask.isEmpty, mask.canUndo, mask.canRedo]).toEqual([true, false, true]);
  });
});

describe("an extension", () => {
  const grid = { columns: 4, rows: 2, width: 8, height: 4 };

  it.each([
    ["right", { width: 12, height: 4 }, { left: 0, top: 0 }, { left: 4, top: 0 }],
    ["left", { width: 12, height: 4 }, { left: 4, top: 0 }, { left: 0, top: 0 }],
    ["bottom", { width: 8, height: 6 }, { left: 0, top: 0 }, { left: 0, top: 2 }],
    ["top", { width: 8, height: 6 }, { left: 0, top: 2 }, { left: 0, top: 0 }],
  ])(
    "on the %s puts the window at that edge, where everything beside the image is drawn",
    (side, size, image, window) => {
      const tokens = side === "left" || side === "right" ? 2 : 1;
      const layout = layOut({ width: 8, height: 4 }, grid, { side, tokens });
      expect(layout).toEqual({ ...size, image, window });
      const mask = windowMask(new Mask(8, 4), grid, layout);
      expect(mask.filter((one) => one === 1)).toHaveLength(16);
      expect([...maskedTokens(mask, grid, 0)]).toEqual(
        {
          right: [0, 0, 1, 1, 0, 0, 1, 1],
          left: [1, 1, 0, 0, 1, 1, 0, 0],
          bottom: [0, 0, 0, 0, 1, 1, 1, 1],
          top: [1, 1, 1, 1, 0, 0, 0, 0],
        }[side],
      );
    },
  );
});
