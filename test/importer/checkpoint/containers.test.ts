import { expect, test } from "vitest";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { chooseWeights } from "../../../src/importer/weights/choose-weights.js";
import { TINY } from "../../reference.js";

test("checkpoint-last.pth and mar.safetensors hold the same tensors", async () => {
  const pytorch = await openCheckpoint(`${TINY}/checkpoint-last.pth`);
  const safetensors = await openCheckpoint(`${TINY}/mar.safetensors`);
  try {
    expect([pytorch.container, safetensors.container]).toEqual(["pytorch", "safetensors"]);
    const { tensors } = chooseWeights(pytorch, "generator");
    expect([...tensors.keys()].sort()).toEqual([...safetensors.tensors.keys()].sort());
    for (const [name, entry] of safetensors.tensors) {
      const other = tensors.get(name)!;
      expect([other.dtype, other.shape], name).toEqual([entry.dtype, entry.shape]);
      const [a, b] = await Promise.all([safetensors.readBytes(entry), pytorch.readBytes(other)]);
      expect(Buffer.compare(a, b), name).toBe(0);
      const floats = await pytorch.readFloat32(other);
      expect(Buffer.compare(Buffer.from(floats.buffer), a), name).toBe(0);
    }
  } finally {
    await Promise.all([pytorch.close(), safetensors.close()]);
  }
});
