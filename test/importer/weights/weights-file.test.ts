import { type FileHandle, open, readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../../src/importer/checkpoint/open.js";
import { HashedWriter } from "../../../src/importer/weights/hashed-writer.js";
import { writeWeights } from "../../../src/importer/weights/weights-file.js";
import { planWeights } from "../../../src/importer/weights/weights-plan.js";
import { GrowingFile } from "../../../src/model/files/growing-file.js";
import { MODEL_FILES } from "../../../src/model/manifest.js";
import { normals } from "../../model/random.js";
import { temporaryPath, useTemporaryFolder, writeTensors } from "../models.js";

useTemporaryFolder();

/** A disk that takes its time: what is to be written must stay as it is until then. */
function slow(file: FileHandle): FileHandle {
  const write = async (bytes: Uint8Array, offset: number) => {
    await setTimeout(20);
    return file.write(bytes, offset);
  };
  return Object.assign(Object.create(file) as FileHandle, { write });
}

test("what is read next leaves what is still being written as it is", async () => {
  const block = "decoder_blocks.0";
  const table = new Map<string, readonly number[]>();
  // A bias, the last to be handed over before a matrix that is read in many pieces and handed over as a whole.
  for (const layer of ["attn.proj", "mlp.fc1", "mlp.fc2"]) {
    table.set(`${block}.${layer}.bias`, [1024]);
    table.set(`${block}.${layer}.weight`, [1024, 2048]);
  }
  const values = new Map([...table].map(([name, shape], i) => [name, normals(shape[0]! * (shape[1] ?? 1), i)]));
  const tensors = Object.fromEntries(
    [...values].map(([name, { buffer }]) => [
      name,
      { dtype: "F32" as const, shape: table.get(name)!, bytes: Buffer.from(buffer) },
    ]),
  );
  const checkpoint = await openCheckpoint(await writeTensors("many.safetensors", tensors));
  const sources = [{ checkpoint, tensors: checkpoint.tensors, table, prefix: "", copy: MODEL_FILES.generator }];
  const { converted } = planWeights(sources, "int8");
  const path = temporaryPath("slow.bin");
  const file = await open(path, "wx+");
  const output = new HashedWriter(slow(file), new GrowingFile(file.fd), () => {});
  await writeWeights(converted, output);
  await output.end();
  await file.close();
  await checkpoint.close();
  const written = await readFile(path);
  for (const { entry, targets } of converted[0]!.weights) {
    if (!entry.name.endsWith("bias")) continue;
    const { offset, byteLength } = targets[0]!;
    const expected = Buffer.from(values.get(entry.name)!.buffer);
    expect(written.subarray(offset, offset + byteLength).equals(expected), entry.name).toBe(true);
  }
});
