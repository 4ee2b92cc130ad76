import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { explainCuda, providerFolder } from "../../../src/engine/runtime/cuda.js";
import { readNeeded } from "../../../src/engine/runtime/shared-library.js";
import { writeLibrary } from "./elf.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "marimba-cuda-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the libraries that a shared library needs", () => {
  it("are read from its file", async () => {
    writeLibrary(join(folder, "a.so"), ["libcudart.so.97", "libc.so.6"]);
    expect(await readNeeded(join(folder, "a.so"))).toEqual(["libcudart.so.97", "libc.so.6"]);
    const onnxRuntime = join(providerFolder(), "libonnxruntime.so.1");
    expect(await readNeeded(onnxRuntime)).toEqual(expect.arrayContaining(["libc.so.6", "libpthread.so.0"]));
  });

  it("are not read from a file that is no library, or only a part of one", async () => {
    const path = join(folder, "a.so");
    writeLibrary(path, ["libc.so.6"]);
    const whole = readFileSync(path);
    for (const bytes of [0, 10, 63, 100, 170, whole.length - 1]) {
      writeFileSync(path, whole);
      truncateSync(path, bytes);
      await expect(readNeeded(path), `${bytes} bytes`).rejects.toThrow(
        /is not a whole shared library for 64-bit Linux/,
      );
    }
    writeFileSync(path, Buffer.alloc(1000, "text"));
    await expect(readNeeded(path)).rejects.toThrow(/is not a whole shared library/);
  });
});

describe("a session that CUDA can't open", () => {
  const failure = (code: number, text: string) =>
    `/src/cuda_call.cc:121 CUDA failure ${code}: ${text} ; GPU=0 ; hostname=x`;

  it("is explained by the driver's version where CUDA says so, and else by the device", () => {
    const tooOld = explainCuda(failure(35, "CUDA driver version is insufficient for CUDA runtime version"), 0);
    expect(tooOld).toMatch(
      /^PROVIDER=cuda can't be used here\. .*the NVIDIA driver is too old for CUDA 13, .* 580 or newer;/,
    );
    expect(tooOld).toMatch(/CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version$/);
    const noDevice = explainCuda(failure(101, "invalid device ordinal"), 7);
    expect(noDevice).toMatch(/device 7 can't be opened; .* CUDA failure 101: invalid device ordinal$/);
  });
});

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("before CUDA is used", () => {
  /** A library that the loader accepts under any name. */
  const someLibrary = /(\/\S+\/libm\.so\.6)$/m.exec(readFileSync("/proc/self/maps", "utf8"))![1]!;

  /** The verdict in a process whose loader finds these names as well, as on a machine where they are installed. */
  function missing(installed: readonly string[], driver = false): string {
    const libraries = join(folder, "lib");
    mkdirSync(libraries);
    for (const name of installed) symlinkSync(someLibrary, join(libraries, name));
    const module = new URL("../../../dist/engine/runtime/cuda.js", import.meta.url).href;
    const script = `import { missingForCuda } from ${JSON.stringify(module)};
      console.log(await missingForCuda({ driver: ${driver} }, ${JSON.stringify(folder)}));`;
    const env = { PATH: process.env.PATH, LD_LIBRARY_PATH: libraries };
    const cwd = fileURLToPath(new URL("../../..", import.meta.url));
    return execFileSync(process.execPath, ["--input-type=module", "-e", script], { env, cwd, encoding: "utf8" }).trim();
  }

  function installProvider(): void {
    writeLibrary(join(folder, "libonnxruntime_providers_cuda.so"), [
      "libcublas.so.97",
      "libcudart.so.97",
      "libcuda.so.1",
      "libc.so.6",
    ]);
    writeLibrary(join(folder, "libonnxruntime_providers_shared.so"), ["libc.so.6"]);
  }

  it("a provider that is not installed is named, with the command that installs it", () => {
    expect(missing([])).toBe(
      `ONNX Runtime's CUDA provider is not installed (${folder} has no libonnxruntime_providers_cuda.so and no ` +
        "libonnxruntime_providers_shared.so); run marimba gpu install.",
    );
  });

  it("another CUDA than the provider's is named, as on an older base image", () => {
    installProvider();
    expect(missing(["libcudart.so.96", "libcublas.so.96", "libcudnn.so.9"])).toBe(
      "ONNX Runtime's CUDA provider can't be loaded: CUDA 97 (this machine has CUDA 96) is missing " +
        "(libcublas.so.97, libcudart.so.97). docs/deployment.md#gpu describes how to install them; LD_LIBRARY_PATH must name " +
        "the folders of CUDA's and cuDNN's libraries.",
    );
  });

  it("only a part is called missing where the rest of CUDA is here", () => {
    installProvider();
    expect(missing(["libcudart.so.96", "libcudart.so.97", "libcudnn.so.9"])).toContain(
      "a part of CUDA 97 is missing (libcublas.so.97).",
    );
  });

  it.each(["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"])(
    "a damaged %s is named, with the command that installs it again",
    (file) => {
      installProvider();
      writeFileSync(join(folder, file), "junk\n");
      expect(missing(["libcublas.so.97", "libcudart.so.97", "libcudnn.so.9"])).toBe(
        `ONNX Runtime's CUDA provider is damaged: ${join(folder, file)} is not a whole shared library for 64-bit Linux. ` +
          "Run marimba gpu install, which installs it again.",
      );
    },
  );

  it("cuDNN and the driver are named where they are missing", () => {
    installProvider();
    const sentence = missing(["libcublas.so.97", "libcudart.so.97"], true);
    expect(sentence).toContain("cuDNN 9 for CUDA 97 is missing (libcudnn.so.9)");
  });

  it("nothing is missing where all libraries are installed; an image is built without the driver", () => {
    installProvider();
    expect(missing(["libcublas.so.97", "libcudart.so.97", "libcudnn.so.9"])).toBe("undefined");
  });
});
