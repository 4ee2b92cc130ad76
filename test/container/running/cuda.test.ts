import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BUILD_MS, buildForCuda, CUDA_IMAGE, standInForCuda12, standInForCuda13 } from "./images.js";
import { Podman } from "./podman.js";

/** NVIDIA's images are in a registry, and there is no GPU: bases with the same libraries take their place. */
const podman = new Podman(join(tmpdir(), "marimba-containers"));

it("the CUDA image is not built on a base with another CUDA", { timeout: BUILD_MS }, async () => {
  const building = buildForCuda(podman, await standInForCuda12(podman));
  await expect(building).rejects.toThrow(
    /ONNX Runtime's CUDA provider can't be loaded: CUDA 13 \(this machine has CUDA 12\) is missing \(.*libcudart\.so\.13.*\), cuDNN 9/,
  );
});

it("the CUDA image is built on CUDA 13, and asks for nothing but a driver", { timeout: BUILD_MS }, async () => {
  await buildForCuda(podman, await standInForCuda13(podman));
  const checking = podman.run("run", "--rm", "--read-only", CUDA_IMAGE, "gpu", "check");
  await expect(checking).rejects.toThrow(
    "PROVIDER=cuda can't be used here. ONNX Runtime's CUDA provider can't be loaded: the NVIDIA driver is missing (libcuda.so.1).",
  );
});
