import { describe, expect, test } from "vitest";
import type { Checkpoint } from "../../../src/importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { problems } from "./files.js";

/** Files that PyTorch itself wrote; torch/make.py says how. */
async function withFile<T>(name: string, use: (checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  const checkpoint = await openCheckpoint(`${import.meta.dirname}/torch/${name}`);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

function dict(checkpoint: Checkpoint, key: string) {
  return checkpoint.stateDicts.find((each) => each.key === key)!.tensors;
}

describe.each(["extras.pth", "extras-protocol-5.pth"])("%s, whose training script kept everything", (name) => {
  test("the weights are read, whatever lies beside them", async () => {
    await withFile(name, async (checkpoint) => {
      const read = Object.fromEntries(
        await Promise.all(
          [...dict(checkpoint, "model")].map(async ([key, e]) => [key, [...(await checkpoint.readFloat32(e))]]),
        ),
      );
      expect(read).toEqual({ w: [0, 1, 2, 3, 4, 5], tagged: [1, 1], b: [7] });
    });
  });

  test("what can't be read says why, and only where it is asked for", async () => {
    await withFile(name, async (checkpoint) => {
      const unread = [...dict(checkpoint, "")].filter(([, { problem }]) => problem !== undefined);
      expect(
        Object.fromEntries(unread.map(([key, { problem }]) => [key, /"[^"]*", which/.exec(problem!)?.[0]])),
      ).toMatchObject({
        args: '"argparse.Namespace", which',
        module: '"torch.nn.modules.linear.Linear", which',
        spectrum: '"torch.ComplexFloatStorage", which',
        sparse: '"torch._utils._rebuild_sparse_tensor", which',
      });
      expect(checkpoint.keys).toContain("optimizer");
    });
  });
});

describe("strided.pth", () => {
  test("every tensor is what PyTorch makes of it when it is contiguous", async () => {
    await withFile("strided.pth", async (checkpoint) => {
      const expected = dict(checkpoint, "expected");
      const strided = dict(checkpoint, "strided");
      expect(strided.size).toBe(13);
      for (const [key, entry] of strided) {
        const other = expected.get(key)!;
        expect([entry.dtype, entry.shape, entry.problem], key).toEqual([other.dtype, other.shape, undefined]);
        expect(entry.strides, key).toBeDefined();
        expect(await checkpoint.readBytes(entry), key).toEqual(await checkpoint.readBytes(other));
      }
    });
  });

  test("a view that is negated lazily is refused: its storage holds the other sign", async () => {
    await withFile("strided.pth", async (checkpoint) => {
      expect(dict(checkpoint, "negated").get("w")!.problem).toContain('built with "torch._neg_view"');
      expect(problems(checkpoint)).toHaveLength(1);
    });
  });
});
