import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BUILD_MS, buildForCuda, CUDA_IMAGE, standInForCuda12, standInForCuda13 } from "./images.js";
import { execute, Podman } from "./podman.js";

/** A driver that knows no device: the one function that the provider needs of it, and those by which CUDA asks for the others. */
const DRIVER = `
int cuTensorMapEncodeTiled(void) { return 100; }
int cuInit(unsigned flags) { return 100; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuGetProcAddress_v2(const char *name, void **found) { *found = 0; return 500; }
`;

/** NVIDIA's images are in a registry, and there is no GPU: bases with the same libraries take their place. */
const podman = new Podman();

it("the CUDA image is not built on a base with another CUDA", { timeout: BUILD_MS }, async () => {
  const building = buildForCuda(podman, await standInForCuda12(podman));
  await expect(building).rejects.toThrow(
    /ONNX Runtime's CUDA provider can't be loaded: .*CUDA 13 \(this machine has CUDA 12\) is missing \(.*libcudart\.so\.13.*\)/,
  );
});

it("the CUDA image is built on CUDA 13, and asks for nothing but a driver", { timeout: BUILD_MS }, async () => {
  await buildForCuda(podman, await standInForCuda13(podman));
  const checking = podman.run("run", "--rm", "--read-only", CUDA_IMAGE, "gpu", "check");
  await expect(checking).rejects.toThrow(
    "PROVIDER=cuda can't be used here. ONNX Runtime's CUDA provider can't be loaded: the NVIDIA driver is missing (libcuda.so.1).",
  );
});

it("with a driver in place, the provider loads, and nothing but the device is missing", {
  timeout: BUILD_MS,
}, async () => {
  await buildForCuda(podman, await standInForCuda13(podman));
  const folder = mkdtempSync(join(podman.folder, "driver-"));
  try {
    const [source, library] = [join(folder, "driver.c"), join(folder, "libcuda.so.1")];
    writeFileSync(source, DRIVER);
    await execute("cc", ["-shared", "-Wl,-soname,libcuda.so.1", "-o", library, source]);
    const driver = ["--volume", `${library}:/usr/lib/x86_64-linux-gnu/libcuda.so.1:ro`];
    const checking = podman.run("run", "--rm", "--read-only", ...driver, CUDA_IMAGE, "gpu", "check");
    await expect(checking).rejects.toThrow(
      /PROVIDER=cuda can't be used here\. CUDA's libraries load, but device 0 can't be opened; .* CUDA failure \d+/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
